#include <algorithm>
#include <set>

#include "jobs/job_table.hpp"
#include "jobs/plan_campaign.hpp"
#include "unpact/campaign/campaign_cost.hpp"
#include "unpact/campaign/cell.hpp"
#include "unpact/campaign/cell_runner.hpp"
#include "unpact/campaign/check_plan.hpp"
#include "unpact/campaign/job_claims.hpp"
#include "unpact/campaign/launch_checks.hpp"
#include "unpact/campaign/plan.hpp"
#include "unpact/campaign/resources.hpp"
#include "unpact/campaign/summary_table.hpp"
#include "unpact/comm/agreement.hpp"
#include "unpact/comm/fail_together.hpp"
#include "unpact/comm/notice.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/clock.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"
#include "unpact/core/progress.hpp"
#include "unpact/core/stop.hpp"
#include "unpact/store/cell_file.hpp"
#include "unpact/store/collect.hpp"
#include "unpact/store/results_folder.hpp"
#include "unpact/train/training_checkpoint.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

class Campaign {
 public:
  Campaign(const Communicator& world, const CommandLine& line)
      : configuration_(line.resolve()), configuration_text_(line.printed()), plan_(make_plan(line, configuration_.campaign)),
        group_(split_groups(world, configuration_.campaign.ranks_per_cell)), session_(world, configuration_.run),
        folder_(configuration_.run.output), agreement_(world), leave_off_(world) {
    check_training_device(configuration_.train, session_.device());
    check_model_dtype(configuration_.model.dtype, session_.device());
    check_plan(session_, group_.size(), plan_);
    session_.open_output(configuration_.run.output);
    try_results_folder(world, folder_);
    claims_.emplace(claims_of_job(world, folder_, configuration_.campaign));
    for (const auto& pair : plan_)
      for (const auto& cell : pair.cells)
        planned_.push_back({.id = cell_id(cell),
                            .model = cell.model.name,
                            .dataset = cell.dataset.name,
                            .method = cell.method.name,
                            .seed = static_cast<std::int64_t>(cell.run.seed),
                            .file = cell_file(folder_, cell_id(cell)),
                            .pair = pair_id(pair.configuration),
                            .makes_target = makes_target(pair.configuration.model)});
    warn_of_groups(world, configuration_.campaign.ranks_per_cell, planned_.size());
  }

  ExitCode run() {
    const Stopwatch clock;
    log::info(concat("unpact campaign in ", folder_.string(), ": ", session_.world().size(), " rank(s), ",
                     configuration_.campaign.ranks_per_cell, " a cell, on ", session_.devices().front()));
    if (session_.is_root()) {
      write_file_atomically(folder_ / kCampaignText, configuration_text_);
      write_plan(folder_, planned_, costs_);
    }
    std::size_t first = 0;
    for (const auto& pair : plan_) {
      if (session_.world().max(std::int64_t{stopped_}) > 0) break;
      try_pair(pair, first);
      first += pair.cells.size();
    }
    return finish(clock.seconds());
  }

 private:
  /// A pair whose baseline fails loses its cells; the other pairs go on. @param first of its cells in the plan.
  void try_pair(const Pair& pair, std::size_t first) {
    std::optional<Baseline> baseline;
    const auto prepare = [&] {
      try {
        baseline = prepare_baseline(session_, pair.configuration, folder_, &*claims_);
      } catch (const StoppedAtCheckpoint& stopped) {
        if (session_.is_root()) log::warn(stopped.what());
        stopped_ = true;
      }
    };
    if (plan_.size() == 1) {
      prepare();  // when it fails, nothing else can go on
    } else if (const auto end = agreement_.run(prepare); end.error) {
      if (!end.together) std::rethrow_exception(end.error);
      return lose_pair(pair, first, end.error);
    }
    if (stopped_) return;
    for (std::size_t i = 0; i < pair.cells.size(); ++i)
      planned_[first + i].fingerprint = fingerprint_of_cell(*baseline, pair.cells[i]);
    if (session_.is_root()) keep_plan(*baseline, pair);
    run_cells(*baseline, pair.cells);
  }

  /// What cells cost on paper is kept for `inspect`; no result depends on it.
  void keep_plan(const Baseline& baseline, const Pair& pair) {
    try {
      for (auto& [id, stages] : planned_stages(session_, baseline, pair)) costs_[id] = std::move(stages);
    } catch (const std::exception& error) {
      log::detail(concat("this pair's costs were not planned: ", one_line(error)));
    }
    write_plan(folder_, planned_, costs_);
  }

  void lose_pair(const Pair& pair, std::size_t first, const std::exception_ptr& thrown) {
    std::string note;
    try {
      std::rethrow_exception(thrown);
    } catch (const std::exception& error) {
      note = concat("its target failed: ", one_line(error));
    }
    if (session_.is_root())
      log::warn(concat(pair.cells.size(), " cell(s) of ", pair.configuration.model.name, " and ",
                       pair.configuration.dataset.name, " have no result: ", note));
    for (std::size_t i = 0; i < pair.cells.size(); ++i) planned_[first + i].note = note;
  }

  void run_cells(const Baseline& baseline, const std::vector<Configuration>& cells) {
    CellRunner runner(session_, group_, *claims_, folder_, configuration_.campaign.retry_failed,
                      [this](double reserve) { return wants_to_stop(reserve); });
    const auto retry = configuration_.campaign.retry_failed;
    runner.run(baseline, cells_left(session_.world(), baseline, cells, folder_, retry));
    stopped_ = stopped_ || runner.stopped();
    if (stopped_) leave_off_.raise();  // the other groups finish the cell at hand
    held_.insert(runner.held().begin(), runner.held().end());
    session_.world().barrier();
  }

  /// Asked between cells; inside of one, trainings and pages look for themselves.
  bool wants_to_stop(double reserve_seconds) {
    const bool own = stop_wanted(reserve_seconds) || leave_off_.is_raised();
    stopped_ = stopped_ || group_.max(std::int64_t{own}) > 0;
    return stopped_;
  }

  /// Collects and says how it ended; the same on every rank.
  ExitCode finish(double seconds) {
    const auto held = held_by_others();
    stopped_ = session_.world().max(std::int64_t{stopped_}) > 0;
    auto code = ExitCode::done;
    on_root(session_.world(), [&] { code = collect(held, seconds); });
    session_.world().broadcast_bytes(&code, sizeof code, 0);
    if (code == ExitCode::requeue) log::info("Stopped before the end of the campaign: start the same command again");
    return code;
  }

  /// On the root. @param held cells that other jobs work on.
  ExitCode collect(const std::set<std::string>& held, double seconds) {
    CollectSummary summary;
    try {
      write_plan(folder_, planned_, costs_);
      summary = collect_campaign(folder_, planned_, [this] {
        if (!stopped_) leave_where_stop_is_wanted("collecting the cells");
      });
    } catch (const StoppedAtCheckpoint& stopped) {
      log::warn(stopped.what());
      return ExitCode::requeue;
    }
    say_results(summary, held.size(), seconds);
    if (stopped_) return ExitCode::requeue;
    refuse_loss(summary, held);
    // A broken file of a cell that another job works on is about to be replaced.
    const bool broken = std::ranges::any_of(summary.broken_ids, [&](const auto& id) { return held.count(id) == 0; });
    return summary.failed > 0 || broken || has_lost_pair() ? ExitCode::failure : ExitCode::done;
  }

  bool has_lost_pair() const {
    return std::any_of(planned_.begin(), planned_.end(), [](const PlannedCell& cell) { return !cell.note.empty(); });
  }

  /// Nothing is left to do: then a cell that is not there was there before. @throws RuntimeFailure naming them.
  void refuse_loss(const CollectSummary& summary, const std::set<std::string>& held) const {
    std::vector<std::string> lost;
    for (const auto& cell : planned_)
      if (std::ranges::count(summary.missing_ids, cell.id) > 0 && cell.note.empty() && held.count(cell.id) == 0)
        lost.push_back(cell.id);
    if (lost.empty()) return;
    throw RuntimeFailure(concat("cells that were done are lost: ", join(lost, ", ")),
                         fs::exists(folder_ / kCampaignText)
                             ? concat("their files in ", (folder_ / "cells").string(), " are gone or damaged")
                             : concat(folder_.string(), " was removed while the campaign ran, with all that it held"),
                         "start the same command again: it makes what is missing");
  }

  /// The cells that no group of this job has, because other jobs do; the same on every rank.
  std::set<std::string> held_by_others() const {
    std::set<std::string> all;
    for (const auto& ids : session_.world().all_gather(join({held_.begin(), held_.end()}, ",")))
      for (const auto& id : split_list(ids)) all.insert(id);
    return all;
  }

  void say_results(const CollectSummary& summary, std::size_t held, double seconds) const {
    std::vector<CellRecord> records;
    for (const auto& file : summary.finished_files) records.push_back(read_cell_file(file));
    log::info(concat("\n", summary_table(records)));
    for (const auto& reason : summary.broken_reasons) log::warn(reason);
    log::info(concat(summary.describe(), ", in ", format_duration(seconds)));
    if (held > 0) log::info(concat(held, " cell(s) are left to other jobs in this folder: the last of them collects"));
    log::info(concat("Results: ", (folder_ / "campaign.h5").string(), "\nReport:  python -m unpact_results report ",
                     folder_.string(), "  (writes ", (folder_ / "report.html").string(), ")"));
  }

  static constexpr const char* kCampaignText = "campaign.ini";
  Configuration configuration_;
  std::string configuration_text_;
  std::vector<Pair> plan_;
  Communicator group_;
  Session session_;
  fs::path folder_;
  Agreement agreement_;
  Notice leave_off_;
  std::optional<Claims> claims_;
  std::vector<PlannedCell> planned_;
  PlannedCosts costs_;          ///< on the root
  std::set<std::string> held_;  ///< cells that this group has left to other jobs
  bool stopped_ = false;
};

}  // namespace

ExitCode run_reproduce(const Communicator& world, const CommandLine& command_line, const Configuration& configuration) {
  if (configuration.run.dry_run) return plan_campaign(world, command_line, configuration);
  UNPACT_VALIDATE(!configuration.plan.json, "--json says what a campaign costs", "this one is to run", "add --dry-run");
  return Campaign(world, command_line).run();
}

}  // namespace unpact
