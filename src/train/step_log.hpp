#pragma once
/// What a training writes about its steps: JSON lines, and the history that a checkpoint keeps; private to this layer.
#include <c10/core/Device.h>

#include <filesystem>
#include <fstream>
#include <vector>

#include "unpact/core/json.hpp"
#include "unpact/train/trainer.hpp"

namespace unpact {

Json to_json(const StepReport& report);

/// @throws UserError when fields are missing or of another type.
std::vector<StepReport> reports_from_json(const Json& history, const std::string& where);

/// Floating-point operations of a training step that its result needs: 6 per block weight and token, 6 per head weight
/// and target, and 6 * layers * heads * d per pair of a token with one that it looks at, half of length^2
/// (Chowdhery et al., arXiv 2204.02311, appendix B, with causal attention counted once). Neither padding nor blocks
/// that run again count. With adapters 4 per frozen weight, whose own gradient nobody needs.
double training_flops(const ModelConfig& config, const StepReport& report, double squared_lengths);

/// What was measured of a step.
struct StepMeasures {
  double seconds;
  double flops;        ///< training_flops() of all ranks
  double peak_flops;   ///< a second, of all ranks' devices; 0: unknown
  c10::Device device;  ///< whose memory is reported
};

/// Fills in time, memory and, where the devices' peak is known, the model FLOP utilization.
void measure_step(StepReport& report, const StepMeasures& measured);

/// A file with a line a step; those of steps that a resumed run repeats are cut off.
class StepLog {
 public:
  /// An empty path writes nothing. @throws UserError when the file cannot be written.
  StepLog(const std::filesystem::path& path, const std::vector<StepReport>& so_far);
  void write(const StepReport& report);

 private:
  std::ofstream out_;
};

}  // namespace unpact
