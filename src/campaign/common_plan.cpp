#include "unpact/campaign/common_plan.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

#include "unpact/campaign/cell.hpp"
#include "unpact/campaign/resources.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"
#include "unpact/core/random.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

constexpr const char* kClaim = "plan";
constexpr int kTries = 8;
constexpr double kFirstPause = 0.02;  // seconds, doubled: a plan is written in less

/// One that cannot be used is written anew.
std::vector<PlannedCell> plan_of_before(const fs::path& folder) {
  try {
    return read_plan(folder).value_or(std::vector<PlannedCell>());
  } catch (const UserError& error) {
    log::detail(concat("a new plan is written: ", error.what()));
    return {};
  }
}

/// Whatever order they stand in.
bool is_same_plan(std::vector<PlannedCell> one, std::vector<PlannedCell> other) {
  for (auto* plan : {&one, &other}) std::ranges::sort(*plan, {}, &PlannedCell::id);
  return one == other;
}

/// Whether costs of these files stand in the plan; what they are depends on the program alone.
bool are_known(const PlannedCosts& costs, const fs::path& folder) {
  if (costs.empty()) return true;
  const auto known = read_planned_costs(folder);
  return std::ranges::all_of(costs, [&](const auto& cost) { return known.contains(cost.first); });
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
  const auto seed = random_bits(std::hash<std::string>{}(claims.run()), stream_of(kClaim), 0);
  for (int i = 0;; ++i) {
    auto before = plan_of_before(folder);
    auto all = plans_united(own, before);
    if (is_same_plan(all, before) && are_known(costs, folder)) return all;  // a thousand jobs with one plan write it once
    if (const auto claim = claims.take(kClaim)) {
      all = plans_united(own, plan_of_before(folder));
      auto all_costs = costs;
      all_costs.merge(read_planned_costs(folder));  // this job's own win
      write_plan(folder, all, all_costs);
      return all;
    }
    if (i == kTries) {
      log::detail("somebody holds the claim on the plan: it is not written just now");
      return all;
    }
    const double even = kFirstPause * std::exp2(i);
    std::this_thread::sleep_for(
        std::chrono::duration<double>(even * (0.75 + 0.5 * random_uniform(seed, 0, static_cast<std::uint64_t>(i)))));
  }
}

}  // namespace unpact
