#pragma once
/// What a stage of a cell is expected to cost, under the name that it has in the table `work`.
#include <string>
#include <vector>

namespace unpact {

struct PlannedStage {
  std::string stage;
  /// Floating-point operations over all ranks. What answers will say decides some of it: then they lie between low and high,
  /// and `operations` is what hours are reckoned with.
  double low = 0, operations = 0, high = 0;
  double bytes = 0, host_bytes = 0;  ///< memory of a rank, on the device that computes and beside it
  double seconds = 0;                ///< of one GPU, all ranks together; 0: no rate is known
  double weight_reads = 0;           ///< passes over few rows, each of which waits for all weights (generation)
  bool trains = false;
};

/// Of one results file.
using PlannedStages = std::vector<PlannedStage>;

}  // namespace unpact
