#include <algorithm>

#include "jobs/job_table.hpp"
#include "unpact/campaign/cell.hpp"
#include "unpact/campaign/plan.hpp"
#include "unpact/campaign/resources.hpp"
#include "unpact/campaign/summary_table.hpp"
#include "unpact/comm/fail_together.hpp"
#include "unpact/comm/work_queue.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/clock.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"
#include "unpact/core/progress.hpp"
#include "unpact/core/stop.hpp"
#include "unpact/store/cell_file.hpp"
#include "unpact/store/collect.hpp"
#include "unpact/store/results_folder.hpp"

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
    for (const auto& pair : plan_)
      if (!pair.configuration.model.path.empty()) require_one_model(pair.configuration.model.path);
    session_.open_output(configuration_.run.output);
    try_results_folder(world, folder_);
  }

  ExitCode run() {
    const Stopwatch clock;
    log::info(concat("unpact campaign in ", folder_.string(), ": ", session_.world().size(), " rank(s), ",
                     configuration_.campaign.ranks_per_cell, " a cell, on ", session_.devices().front()));
    if (session_.is_root()) write_file_atomically(folder_ / kCampaignText, configuration_text_);
    for (const auto& pair : plan_)
      if (session_.world().max(stopped_) == 0) run_or_stop(pair);
    try {
      finish(clock.seconds());
    } catch (const StoppedAtCheckpoint& stopped) {
      log::warn(stopped.what());
      stopped_ = 1;
    }
    if (session_.world().max(stopped_) > 0) {
      log::info("Stopped before the end of the campaign: start the same command again");
      return ExitCode::requeue;
    }
    const auto failed = session_.world().sum(failed_);
    refuse_loss(failed);
    return failed > 0 ? ExitCode::failure : ExitCode::done;
  }

 private:
  /// Before its cells a pair is stopped on all ranks together.
  void run_or_stop(const Pair& pair) {
    try {
      run_pair(pair);
    } catch (const StoppedAtCheckpoint& stopped) {
      if (session_.is_root()) log::warn(stopped.what());
      stopped_ = 1;
    }
  }

  /// All cells of one model and dataset: the baseline by everybody, then the cells by groups.
  void run_pair(const Pair& pair) {
    for (const auto& cell : pair.cells)
      planned_.push_back({cell_id(cell), cell.model.name, cell.dataset.name, cell.method.name,
                          static_cast<std::int64_t>(cell.run.seed), cell_file(folder_, cell_id(cell))});
    const auto baseline = prepare_baseline(session_, pair.configuration, folder_);
    SharedWorkQueue queue(session_.world(), static_cast<std::int64_t>(pair.cells.size()));
    while (!wants_to_stop(0)) {
      const auto next = queue.next(group_);
      if (!next) break;
      run_one(baseline, pair.cells[static_cast<std::size_t>(*next)]);
    }
    if (stopped_ > 0 && group_.is_root()) queue.close();  // the other groups finish the cell at hand
    session_.world().barrier();
  }

  /// Asked between cells; inside of one, trainings and pages look for themselves.
  bool wants_to_stop(double reserve_seconds) {
    stopped_ = std::max(stopped_, group_.max(std::int64_t{stop_wanted(reserve_seconds) ? 1 : 0}));
    return stopped_ > 0;
  }

  void run_one(const Baseline& baseline, const Configuration& cell) {
    const auto id = cell_id(cell);
    const bool done = group_.is_root() && is_cell_done(baseline, cell, folder_);
    if (group_.broadcast(done ? "yes" : "no", 0) == "yes") {
      log::info(concat("Cell ", id, " is finished already"));
      return;
    }
    constexpr double kReserve = 60;  // seconds: less is not worth beginning a cell
    if (wants_to_stop(kReserve)) return;
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
    const auto summary = collect_campaign(folder_, planned_, [this] {
      if (stopped_ == 0) leave_where_stop_is_wanted("collecting the cells");
    });
    std::vector<CellRecord> records;
    for (const auto& cell : planned_) {
      try {
        records.push_back(read_cell_file(cell.file));
      } catch (const Error&) {
        lost_.push_back(cell.id);  // missing or broken: the summary counts it
      }
    }
    log::info(concat("\n", summary_table(records)));
    log::info(concat(summary.finished, " cell(s) finished, ", summary.missing, " missing, ", summary.broken, " broken, in ",
                     format_duration(seconds)));
    log::info(concat("Results: ", (folder_ / "campaign.h5").string(), "\nReport:  python -m unpact_results report ",
                     folder_.string(), "  (writes ", (folder_ / "report.html").string(), ")"));
  }

  /// More cells without a file than have failed: somebody took them away. Called by all ranks.
  void refuse_loss(std::int64_t failed) const {
    const auto on_root = [&] {
      if (!session_.is_root() || static_cast<std::int64_t>(lost_.size()) <= failed) return;
      throw RuntimeFailure(concat("cells that were done are lost: ", join(lost_, ", ")),
                           fs::exists(folder_ / kCampaignText)
                               ? concat("their files in ", (folder_ / "cells").string(), " are gone or damaged")
                               : concat(folder_.string(), " was removed while the campaign ran, with all that it held"),
                           "start the same command again: it makes what is missing");
    };
    fail_together(session_.world(), on_root, Telling::error_alone);
  }

  static constexpr const char* kCampaignText = "campaign.ini";
  Configuration configuration_;
  std::string configuration_text_;
  std::vector<Pair> plan_;
  Communicator group_;
  Session session_;
  fs::path folder_;
  std::vector<PlannedCell> planned_;
  std::vector<std::string> lost_;  // ids of cells without a readable file; on the root
  std::int64_t failed_ = 0, stopped_ = 0;
};

}  // namespace

ExitCode run_reproduce(const Communicator& world, const CommandLine& command_line, const Configuration&) {
  return Campaign(world, command_line).run();
}

}  // namespace unpact
