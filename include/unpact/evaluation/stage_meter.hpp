#pragma once
/// What a stage of a cell costs: its row in the results file's table `work`.
#include <c10/core/Device.h>

#include <limits>
#include <string>
#include <vector>

#include "unpact/attribution/method.hpp"
#include "unpact/comm/communicator.hpp"
#include "unpact/comm/memory.hpp"
#include "unpact/core/clock.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"
#include "unpact/core/operation_tally.hpp"
#include "unpact/results/cell.hpp"

namespace unpact {

/// Runs from its construction on.
class StageMeter {
 public:
  /// @param group must outlive the meter.
  StageMeter(const Communicator& group, const c10::Device& device) : group_(group), device_(device) {
    reset_peak_memory(device_);
  }

  /// Collective over the group: the memory is that of the rank that held most. Every rank's log file gets a line with
  /// seconds and CPU seconds, which tests/bench/cell reads.
  /// @param results what was attributed in this stage.
  WorkRecord record(const std::string& stage, const std::vector<const std::vector<Attribution>*>& results = {}) const {
    AttributionWork total;
    for (const auto* some : results)
      for (const auto& result : *some) total += result.work;
    log::detail(concat("stage ", stage, ": ", clock_.seconds(), " s, ", cpu_.seconds(), " s of CPU time"));
    const double peak = group_.max(static_cast<double>(peak_memory(device_)));
    return {total, stage, clock_.seconds(), peak > 0 ? peak : std::numeric_limits<double>::quiet_NaN(),
            group_.sum(operations_so_far() - operations_before_)};
  }

 private:
  const Communicator& group_;
  const c10::Device device_;
  const Stopwatch clock_;
  const CpuStopwatch cpu_;
  const double operations_before_ = operations_so_far();
};

}  // namespace unpact
