#include <algorithm>

#include "unpact/campaign/cell.hpp"
#include "unpact/campaign/jobs.hpp"
#include "unpact/comm/work_queue.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/clock.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"
#include "unpact/core/progress.hpp"
#include "unpact/record/cell_file.hpp"
#include "unpact/record/collect.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

/// One entry for the option as it stands when the campaign names no choice files.
std::vector<std::string> choices(const std::string& names) {
  auto list = split_list(names);
  if (list.empty()) list.emplace_back();
  return list;
}

/// Rough cost of a method relative to one pass of gradient ascent: the costliest cells go first.
double relative_cost(const MethodOptions& method) {
  if (method.forget == "rmu") return 1.0;
  double cost = method.forget == "npo" ? 1.3 : 1.0;
  if (method.retain == "gd") cost += 1.0;
  if (method.retain == "kl") cost += 1.5;
  return cost;
}

/// The cells of one model and dataset, each with its configuration.
std::vector<Configuration> plan_cells(const CommandLine& line, const Configuration& campaign, const std::vector<std::string>& forced) {
  std::vector<Configuration> cells;
  for (const auto& method : choices(campaign.campaign.methods)) {
    for (const auto& seed : split_list(campaign.campaign.seeds)) {
      auto settings = forced;
      if (!method.empty()) settings.push_back("method.use=" + method);
      settings.push_back("run.seed=" + seed);
      cells.push_back(line.resolve(settings));
    }
  }
  std::stable_sort(cells.begin(), cells.end(), [](const auto& a, const auto& b) { return relative_cost(a.method) > relative_cost(b.method); });
  return cells;
}

/// Refuses a plan in which two cells would write the same file.
void check_plan(const std::vector<Configuration>& cells, std::vector<std::string>& seen) {
  UNPACT_VALIDATE(!cells.empty(), "the campaign has no cells", "campaign.seeds is empty", "name at least one seed");
  for (const auto& cell : cells) {
    const auto id = cell_id(cell);
    UNPACT_VALIDATE(std::find(seen.begin(), seen.end(), id) == seen.end(), concat("two cells are called ", id),
                    "their results would overwrite each other", "give each choice file its own name (model.name, dataset.name, method.name)");
    seen.push_back(id);
  }
}

class Campaign {
 public:
  Campaign(const Communicator& world, const CommandLine& line)
      : line_(line), configuration_(line.resolve()), session_(world, configuration_.run), folder_(configuration_.run.output),
        group_(split_groups(world)) {
    session_.open_output(configuration_.run.output);
  }

  ExitCode run() {
    const Stopwatch clock;
    log::info(concat("unpact campaign in ", folder_.string(), ": ", session_.world().size(), " rank(s), ",
                     configuration_.campaign.ranks_per_cell, " a cell, on ", session_.devices().front()));
    if (session_.is_root()) write_file_atomically(folder_ / "campaign.ini", to_ini(configuration_));
    for (const auto& model : choices(configuration_.campaign.models))
      for (const auto& dataset : choices(configuration_.campaign.datasets)) run_pair(model, dataset);
    finish(clock.seconds());
    const auto failed = session_.world().sum(failed_);
    return failed > 0 ? ExitCode::failure : ExitCode::done;
  }

 private:
  Communicator split_groups(const Communicator& world) const {
    const auto width = static_cast<int>(configuration_.campaign.ranks_per_cell);
    UNPACT_VALIDATE(world.size() % width == 0, concat("option 'campaign.ranks_per_cell' is ", width),
                    concat("the job has ", world.size(), " ranks, which cannot be cut into equal groups"), "choose a divisor of the number of ranks");
    return world.split(world.rank() / width, world.rank());
  }

  /// All cells of one model and dataset: the baseline by everybody, then the cells by groups.
  void run_pair(const std::string& model, const std::string& dataset) {
    std::vector<std::string> forced;
    if (!model.empty()) forced.push_back("model.use=" + model);
    if (!dataset.empty()) forced.push_back("dataset.use=" + dataset);
    const auto cells = plan_cells(line_, configuration_, forced);
    std::vector<std::string> ids;
    for (const auto& cell : planned_) ids.push_back(cell.id);
    check_plan(cells, ids);
    const auto baseline = prepare_baseline(session_, line_.resolve(forced), folder_);
    for (const auto& cell : cells)
      planned_.push_back({cell_id(cell), cell.model.name, cell.dataset.name, cell.method.name, static_cast<std::int64_t>(cell.run.seed),
                          cell_file(folder_, cell_id(cell))});
    SharedWorkQueue queue(session_.world(), static_cast<std::int64_t>(cells.size()));
    while (const auto next = queue.next(group_)) run_one(baseline, cells[static_cast<std::size_t>(*next)]);
    session_.world().barrier();
  }

  void run_one(const Baseline& baseline, const Configuration& cell) {
    const auto id = cell_id(cell);
    const bool done = group_.is_root() && is_cell_done(baseline, cell, cell_file(folder_, id));
    if (group_.broadcast(done ? "yes" : "no", 0) == "yes") {
      log::info(concat("Cell ", id, " is finished already"));
      return;
    }
    log::info(concat("Cell ", id));
    const Stopwatch clock;
    try {
      run_cell(session_, group_, baseline, cell, folder_);
      log::detail(concat("cell ", id, " took ", format_duration(clock.seconds())));
    } catch (const TrainingDiverged& error) {
      // The method wrecked itself; the other cells are still worth having.
      if (group_.is_root()) log::warn(concat("cell ", id, " has no result: ", error.what()));
      failed_ += group_.is_root();
    }
  }

  void finish(double seconds) {
    if (!session_.is_root()) return;
    const auto summary = collect_campaign(folder_, planned_);
    std::vector<CellRecord> records;
    for (const auto& cell : planned_)
      if (fs::exists(cell.file)) records.push_back(read_cell_file(cell.file));
    log::info(concat("\n", summary_table(records)));
    log::info(concat(summary.finished, " cell(s) finished, ", summary.missing, " missing, ", summary.broken, " broken, in ",
                     format_duration(seconds)));
    log::info(concat("Results: ", (folder_ / "campaign.h5").string(), "\nReport:  python -m unpact_results report ", folder_.string(), "  (writes ",
                     (folder_ / "report.html").string(), ")"));
  }

  const CommandLine& line_;
  Configuration configuration_;
  Session session_;
  fs::path folder_;
  Communicator group_;
  std::vector<PlannedCell> planned_;
  std::int64_t failed_ = 0;
};

}  // namespace

ExitCode run_reproduce(const Communicator& world, const CommandLine& command_line) { return Campaign(world, command_line).run(); }

}  // namespace unpact
