#pragma once
/// Errors that every rank of a group learns about at the same place.
#include <exception>
#include <functional>
#include <string>

#include "unpact/comm/collectives.hpp"
#include "unpact/comm/communicator.hpp"

namespace unpact {

/// What the other ranks are told.
enum class Telling {
  rank_and_error,  ///< "rank 3 of the group failed: ..."
  error_alone,     ///< what was thrown, as it is
};

/// Collective: every rank runs `step`; when it throws anywhere, this throws everywhere. A rank that failed keeps its own
/// Error (any other exception becomes a RuntimeFailure), the others get that of the first rank that failed: a UserError
/// stays one, all else is a RuntimeFailure. A rank that stopped (StoppedAtCheckpoint) stops the others; where another one
/// failed, that failure counts. A group of one rank just runs the step.
/// `step` may be collective itself as long as it cannot fail on one rank while another waits inside it.
void fail_together(const Communicator& group, const std::function<void()>& step, Telling telling = Telling::rank_and_error);

/// The same over a group's collectives, whose time limit it then has. @param device the group's.
void fail_together(Collectives& group, const c10::Device& device, const std::function<void()>& step,
                   Telling telling = Telling::rank_and_error);

/// Runs `step` on the root alone; an error there is the same on every rank. Collective.
void on_root(const Communicator& group, const std::function<void()>& step);

/// An exception on one line: problem and reason.
std::string one_line(const std::exception& error);

}  // namespace unpact
