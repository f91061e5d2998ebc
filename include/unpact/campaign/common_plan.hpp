#pragma once
/// The one plan of all jobs in a folder (plan.json), to which each adds what it plans.
#include <filesystem>
#include <vector>

#include "unpact/campaign/claims.hpp"
#include "unpact/campaign/plan.hpp"
#include "unpact/store/cell_places.hpp"

namespace unpact {

/// The cells of a job's plan, in its order; nothing is known yet of fingerprints.
std::vector<PlannedCell> planned_cells(const std::vector<Pair>& plan, const std::filesystem::path& folder);

/// Unites a job's cells and costs with what stands in the folder (plans_united), under a claim, so that nobody's are lost.
/// Called by one rank. @return all cells of the folder's plan, this job's first. Whoever does not get the claim in time writes
/// nothing: the job's end does it again.
std::vector<PlannedCell> add_to_plan(Claims& claims, const std::filesystem::path& folder,
                                     const std::vector<PlannedCell>& own, const PlannedCosts& costs);

}  // namespace unpact
