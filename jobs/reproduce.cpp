#include <algorithm>

#include "jobs/job_table.hpp"
#include "unpact/campaign/cell.hpp"
#include "unpact/campaign/check_plan.hpp"
#include "unpact/campaign/plan.hpp"
#include "unpact/campaign/resources.hpp"
#include "unpact/campaign/summary_table.hpp"
#include "unpact/comm/work_queue.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/clock.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"
#include "unpact/core/progress.hpp"
#include "unpact/core/stop.hpp"
#include "unpact/store/cell_file.hpp"
#include "unpact/store/collect.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

class Campaign {
 public:
  Campaign(const Communicator& world, const CommandLine& line)
      : configuration_(line.resolve()), configuration_text_(line.printed()), plan_(make_plan(line, configuration_.campaign)),
        group_(split_groups(world, configuration_.campaign.ranks_per_cell)), session_(world, configuration_.run),
        folder_(configuration_.run.output) {
    check_training_device(configuration_.train, session_.device());
    summary_ = check_plan(session_, group_.size(), plan_);
    if (!configuration_.run.dry_run) session_.open_output(configuration_.run.output);
  }

  ExitCode run() {
    if (configuration_.run.dry_run) {
      log::info(summary_.text());
      return ExitCode::done;
    }
    const Stopwatch clock;
    log::info(concat("unpact campaign in ", folder_.string(), ": ", session_.world().size(), " rank(s), ",
                     configuration_.campaign.ranks_per_cell, " a cell, on ", session_.devices().front()));
    if (session_.is_root()) write_file_atomically(folder_ / "campaign.ini", configuration_text_);
    for (const auto& pair : plan_)
      if (session_.world().max(stopped_) == 0) run_pair(pair);
    finish(clock.seconds());
    if (session_.world().max(stopped_) > 0) {
      log::info("Stopped before the end of the campaign: start the same command again");
      return ExitCode::requeue;
    }
    const auto failed = session_.world().sum(failed_);
    return failed > 0 ? ExitCode::failure : ExitCode::done;
  }

 private:
  /// All cells of one model and dataset: the baseline by everybody, then the cells by groups.
  void run_pair(const Pair& pair) {
    for (const auto& cell : pair.cells)
      planned_.push_back({cell_id(cell), cell.model.name, cell.dataset.name, cell.method.name,
                          static_cast<std::int64_t>(cell.run.seed), cell_file(folder_, cell_id(cell))});
    const auto baseline = prepare_baseline(session_, pair.configuration, folder_);
    SharedWorkQueue queue(session_.world(), static_cast<std::int64_t>(pair.cells.size()));
    while (!wants_to_stop()) {
      const auto next = queue.next(group_);
      if (!next) break;
      session_.loads().require_unchanged();  // what is in memory is still what lies there
      run_one(baseline, pair.cells[static_cast<std::size_t>(*next)]);
    }
    if (stopped_ > 0 && group_.is_root()) queue.close();  // the other groups finish the cell at hand
    session_.world().barrier();
  }

  /// Asked between cells; inside of one, the training looks for itself.
  bool wants_to_stop() {
    constexpr double kReserve = 60;  // seconds: less is not worth beginning a cell
    stopped_ = std::max(stopped_, group_.max(std::int64_t{stop_wanted(kReserve) ? 1 : 0}));
    return stopped_ > 0;
  }

  void run_one(const Baseline& baseline, const Configuration& cell) {
    const auto id = cell_id(cell);
    const bool done = group_.is_root() && is_cell_done(baseline, cell, folder_);
    if (group_.broadcast(done ? "yes" : "no", 0) == "yes") {
      log::info(concat("Cell ", id, " is finished already"));
      return;
    }
    log::info(concat("Cell ", id));
    const Stopwatch clock;
    try {
      run_cell(session_, group_, baseline, cell, folder_);
      log::detail(concat("cell ", id, " took ", format_duration(clock.seconds())));
    } catch (const StoppedAtCheckpoint& stopped) {
      if (group_.is_root()) log::warn(concat("cell ", id, ": ", stopped.what()));
      stopped_ = 1;
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
    log::info(concat("Results: ", (folder_ / "campaign.h5").string(), "\nReport:  python -m unpact_results report ",
                     folder_.string(), "  (writes ", (folder_ / "report.html").string(), ")"));
  }

  Configuration configuration_;
  std::string configuration_text_;
  std::vector<Pair> plan_;
  PlanSummary summary_;
  Communicator group_;
  Session session_;
  fs::path folder_;
  std::vector<PlannedCell> planned_;
  std::int64_t failed_ = 0, stopped_ = 0;
};

}  // namespace

ExitCode run_reproduce(const Communicator& world, const CommandLine& command_line, const Configuration&) {
  return Campaign(world, command_line).run();
}

}  // namespace unpact
