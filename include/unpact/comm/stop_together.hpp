#pragma once
/// Leaving off on all ranks of a group at the same place.
#include <string>

#include "unpact/comm/communicator.hpp"

namespace unpact {

/// Collective: where any rank of the group is asked to stop, or has less than `reserve_seconds` of its time left, this
/// throws on every rank. @param done how far the work has come and what is kept. @throws StoppedAtCheckpoint.
void stop_together(const Communicator& group, double reserve_seconds, const std::string& done);

}  // namespace unpact
