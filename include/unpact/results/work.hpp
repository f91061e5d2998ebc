#pragma once
/// What a stage of a cell costs.
#include <cstdint>
#include <limits>
#include <string>

namespace unpact {

struct WorkRecord {
  std::string stage;
  double seconds = 0;
  std::uint64_t positions = 0, positions_naive = 0, model_calls = 0, logit_rows = 0;
  /// Bytes of the rank that held most: resident in the process (CPU), allocated on the device (CUDA); NaN: not measured.
  double peak_memory = std::numeric_limits<double>::quiet_NaN();
};

}  // namespace unpact
