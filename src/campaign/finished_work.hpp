#pragma once
/// What of a plan is finished in its folder, as `reproduce` would find it; nothing is written.
#include "unpact/campaign/campaign_cost.hpp"
#include "unpact/campaign/fingerprints.hpp"

namespace unpact {

/// What decides the fingerprints of a pair's results. A checksum of weights that is empty is not known.
struct PairInputs {
  std::filesystem::path folder;  ///< of the campaign
  InputChecksums checksums;
};

/// Checksums of what lies there: of a given model, or of a target that was made and that the same options would make. The
/// weights are read only where there are results to compare with; where they are missing, they count as those that the
/// results were made with, and a remark says so.
PairInputs inputs_of(const Configuration& pair, const Dataset& dataset, std::vector<std::string>& remarks);

bool is_baseline_finished(const PairInputs& inputs, const Configuration& pair);
CellState state_of_cell(const PairInputs& inputs, const Configuration& cell);

}  // namespace unpact
