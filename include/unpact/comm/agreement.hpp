#pragma once
/// How ranks come together again after a step that may have failed on any of them.
#include <exception>
#include <functional>
#include <memory>

#include "unpact/comm/collectives.hpp"
#include "unpact/comm/communicator.hpp"

namespace unpact {

/// What a step threw on this rank, and whether the others of the group are still there.
struct StepEnd {
  std::exception_ptr error = nullptr;  ///< nullptr: it went well on every rank
  bool together = true;                ///< false: a rank is stuck inside of the step, and the group is of no use any more
};

/// A line of its own for a group, on which no other message can come between.
class Agreement {
 public:
  /// Collective over `group`, which must outlive this; so is the destructor.
  /// @param wait_seconds for the others: ranks that fail alike do so at about the same time.
  explicit Agreement(const Communicator& group, double wait_seconds = 60);

  /// Runs a step that may be collective, and may throw on any number of ranks. Collective. With `together` every rank gets
  /// an error when any has failed: its own, or that of the first that failed (see fail_together). A rank that fails alone
  /// waits for the others, which hang where it should be; then it gets its own error, not together.
  StepEnd run(const std::function<void()>& step);

 private:
  std::unique_ptr<Collectives> line_;
};

}  // namespace unpact
