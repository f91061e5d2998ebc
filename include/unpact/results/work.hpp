#pragma once
/// What attributions and stages cost.
#include <cstdint>
#include <limits>
#include <string>
#include <tuple>

namespace unpact {

/// Forward passes in numbers. `positions_naive` is what one full pass a removal would have run.
struct AttributionWork {
  std::uint64_t positions = 0, positions_naive = 0, model_calls = 0, logit_rows = 0;
  AttributionWork& operator+=(const AttributionWork& other) {
    positions += other.positions;
    positions_naive += other.positions_naive;
    model_calls += other.model_calls;
    logit_rows += other.logit_rows;
    return *this;
  }
  template <class Self>
  static auto fields(Self& self) {
    return std::tie(self.positions, self.positions_naive, self.model_calls, self.logit_rows);
  }
};

/// Cost of a stage; the passes are those of what it attributed.
struct WorkRecord : AttributionWork {
  std::string stage;
  double seconds = 0;
  /// Bytes of the rank that held most: resident in the process (CPU), allocated on the device (CUDA); NaN: not measured.
  double peak_memory = std::numeric_limits<double>::quiet_NaN();
  /// Floating-point operations that ran in it, over all ranks, by the formulas of docs/planning.md; NaN: not counted.
  double operations = std::numeric_limits<double>::quiet_NaN();
};

}  // namespace unpact
