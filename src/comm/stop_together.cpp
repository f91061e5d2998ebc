#include "unpact/comm/stop_together.hpp"

#include "unpact/core/stop.hpp"

namespace unpact {

void stop_together(const Communicator& group, double reserve_seconds, const std::string& done) {
  if (group.max(std::int64_t{stop_wanted(reserve_seconds) ? 1 : 0}) == 0) return;
  throw StoppedAtCheckpoint(concat("stopped after ", done), "the run was asked to, or its time is nearly over",
                            "start the same command again: it continues from there");
}

}  // namespace unpact
