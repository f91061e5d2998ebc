#include "unpact/campaign/plan.hpp"

#include <algorithm>
#include <set>

#include "unpact/campaign/cell.hpp"
#include "sweep.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/error.hpp"
#include "unpact/options/option_table.hpp"
#include "unpact/unlearn/method.hpp"

namespace unpact {
namespace {

/// One entry for the option as it stands when the campaign names no choice files.
std::vector<std::string> choices(const std::string& names) {
  auto list = split_list(names);
  if (list.empty()) list.emplace_back();
  return list;
}

/// "sust-2" of "sust/2", as a part of a name.
std::string part_of_name(std::string set) {
  std::ranges::replace(set, '/', '-');
  return set;
}

/// The cell after each of the sets that a method forgets one after the other; the cell itself where there are none.
/// @param point of the method's sweep.
std::vector<Configuration> steps_of(const CommandLine& line, const std::string& sequence, std::vector<std::string> forced,
                                    const SweepPoint& point) {
  const auto name = name_of(line.resolve(forced).method);
  forced.insert(forced.end(), point.settings.begin(), point.settings.end());
  const auto named = [&](const std::string& more) {
    auto settings = forced;
    if (!point.name.empty() || !more.empty()) settings.push_back(concat("method.name=", name, point.name, more));
    return settings;
  };
  const auto whole = line.resolve(named(""));
  require_use_of_sweep(point, whole.method);
  std::vector<Configuration> cells;
  std::string until;
  for (const auto& set : split_list(sequence)) {
    until += concat(until.empty() ? "" : ", ", set);
    auto settings = named("-" + part_of_name(set));
    settings.push_back("unlearn.forget_sets=" + until);
    cells.push_back(line.resolve(settings));
  }
  if (cells.empty()) cells.push_back(whole);
  return cells;
}

/// The cells of one model and dataset, each with its configuration, the costliest first.
std::vector<Configuration> plan_cells(const CommandLine& line, const CampaignOptions& campaign,
                                      const std::vector<std::string>& forced) {
  std::vector<Configuration> cells;
  for (const auto& method : choices(campaign.methods)) {
    auto of_method = forced;
    if (!method.empty()) of_method.push_back("method.use=" + method);
    for (const auto& point : sweep_points(line.resolve(of_method).campaign)) {
      for (const auto& seed : split_list(campaign.seeds)) {
        auto settings = of_method;
        settings.push_back("run.seed=" + seed);
        for (auto& cell : steps_of(line, campaign.sequence, settings, point)) cells.push_back(std::move(cell));
      }
    }
  }
  std::stable_sort(cells.begin(), cells.end(),
                   [](const auto& a, const auto& b) { return relative_cost(a.method) > relative_cost(b.method); });
  return cells;
}

/// Cells of two jobs in one folder belong together when this is the same.
std::string common_settings(const CommandLine& line, std::vector<std::string> forced) {
  forced.push_back("method.use=");
  auto c = line.resolve(forced);
  std::string text = settings_that_affect(c, Made::target) + settings_that_affect(c, Made::baseline);
  c.method = {};
  c.run.seed = 0;
  return sha256_of_bytes(text + settings_that_affect(c, Made::cell)).substr(0, 16);
}

/// Refuses a plan in which two cells would write the same file.
void check_plan(const std::vector<Pair>& plan) {
  std::set<std::string> seen;
  for (const auto& pair : plan) {
    UNPACT_VALIDATE(!pair.cells.empty(), "the campaign has no cells", "campaign.seeds is empty", "name at least one seed");
    UNPACT_VALIDATE(pair.configuration.train.lora_result == LoraResult::merged, "option 'train.lora_result' is 'adapter'",
                    "a campaign asks its unlearned models, and no adapter answers alone",
                    "remove it: adapters are merged into the model. The job unlearn writes adapter folders");
    for (const auto& cell : pair.cells)
      UNPACT_VALIDATE(seen.insert(cell_id(cell)).second, concat("two cells are called ", cell_id(cell)),
                      "their results would overwrite each other",
                      "give each choice file its own name (model.name, dataset.name, method.name)");
  }
}

}  // namespace

std::vector<Pair> make_plan(const CommandLine& line, const CampaignOptions& campaign) {
  std::vector<Pair> plan;
  for (const auto& model : choices(campaign.models)) {
    for (const auto& dataset : choices(campaign.datasets)) {
      std::vector<std::string> forced;
      if (!model.empty()) forced.push_back("model.use=" + model);
      if (!dataset.empty()) forced.push_back("dataset.use=" + dataset);
      for (const auto& set : choices(campaign.forget_sets)) {
        auto settings = forced;
        if (!set.empty()) {
          settings.push_back("dataset.forget_set=" + set);
          settings.push_back(concat("dataset.name=", line.resolve(forced).dataset.name, "-", part_of_name(set)));
        }
        plan.push_back({line.resolve(settings), plan_cells(line, campaign, settings), common_settings(line, settings)});
      }
    }
  }
  check_plan(plan);
  return plan;
}

Communicator split_groups(const Communicator& world, std::int64_t ranks_per_cell) {
  UNPACT_VALIDATE(world.size() % ranks_per_cell == 0, concat("option 'campaign.ranks_per_cell' is ", ranks_per_cell),
                  concat("the job has ", world.size(), " ranks, which cannot be cut into equal groups"),
                  "choose a divisor of the number of ranks");
  return world.split(static_cast<int>(world.rank() / ranks_per_cell), world.rank());
}

}  // namespace unpact
