#include "unpact/campaign/common_plan.hpp"

#include <chrono>
#include <thread>

#include "unpact/campaign/cell.hpp"
#include "unpact/campaign/resources.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

constexpr const char* kClaim = "plan";
constexpr int kTries = 60;
constexpr std::chrono::milliseconds kPause(50);  // a plan is written in less

/// One that cannot be used is written anew.
std::vector<PlannedCell> plan_of_before(const fs::path& folder) {
  try {
    return read_plan(folder).value_or(std::vector<PlannedCell>());
  } catch (const UserError& error) {
    log::detail(concat("a new plan is written: ", error.what()));
    return {};
  }
}

}  // namespace

std::vector<PlannedCell> planned_cells(const std::vector<Pair>& plan, const fs::path& folder) {
  std::vector<PlannedCell> planned;
  for (const auto& pair : plan)
    for (const auto& cell : pair.cells)
      planned.push_back({.id = cell_id(cell),
                         .model = cell.model.name,
                         .dataset = cell.dataset.name,
                         .method = cell.method.name,
                         .seed = static_cast<std::int64_t>(cell.run.seed),
                         .file = cell_file(folder, cell_id(cell)),
                         .pair = pair_id(pair.configuration),
                         .makes_target = makes_target(pair.configuration.model),
                         .settings = pair.settings});
  return planned;
}

std::vector<PlannedCell> add_to_plan(Claims& claims, const fs::path& folder, const std::vector<PlannedCell>& own,
                                     const PlannedCosts& costs) {
  std::optional<Claim> claim;
  for (int i = 0; i < kTries && !claim; ++i) {
    if (i > 0) std::this_thread::sleep_for(kPause);
    claim = claims.take(kClaim);
  }
  auto all = plans_united(own, plan_of_before(folder));
  if (!claim) {
    log::detail("somebody holds the claim on the plan: it is not written just now");
    return all;
  }
  auto all_costs = costs;
  all_costs.merge(read_planned_costs(folder));  // this job's own win
  write_plan(folder, all, all_costs);
  return all;
}

}  // namespace unpact
