#include <algorithm>
#include <numeric>

#include "jobs/job_table.hpp"
#include "jobs/plan_campaign.hpp"
#include "unpact/campaign/cell_names.hpp"
#include "unpact/campaign/check_plan.hpp"
#include "unpact/campaign/collect_in_turn.hpp"
#include "unpact/campaign/common_plan.hpp"
#include "unpact/campaign/finished_list.hpp"
#include "unpact/campaign/job_claims.hpp"
#include "unpact/campaign/launch_checks.hpp"
#include "unpact/campaign/pair_walker.hpp"
#include "unpact/campaign/plan.hpp"
#include "unpact/campaign/resources.hpp"
#include "unpact/campaign/start_together.hpp"
#include "unpact/campaign/summary_table.hpp"
#include "unpact/comm/fail_together.hpp"
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
    check_model_dtype(configuration_.model.dtype, session_.device());
    check_plan(session_, group_.size(), plan_);
    session_.open_output(configuration_.run.output);
    wait_among_many();
    try_folder(world);
    claims_.emplace(claims_of_job(world, folder_, configuration_.campaign));
    warn_of_groups(world, configuration_.campaign.ranks_per_cell,
                   std::accumulate(plan_.begin(), plan_.end(), std::size_t{0},
                                   [](std::size_t cells, const Pair& pair) { return cells + pair.cells.size(); }));
  }

  ExitCode run() {
    const Stopwatch clock;
    const auto& options = configuration_.campaign;
    log::info(concat("unpact campaign in ", folder_.string(), ": ", session_.world().size(), " rank(s), ",
                     options.ranks_per_cell, " a cell, on ", session_.devices().front()));
    if (session_.is_root() && !was_begun_) write_file_atomically(folder_ / kCampaignText, configuration_text_);
    PairWalker walker(session_, group_, *claims_, folder_, plan_, options);
    walker.run();
    walker.finish();
    return options.stage == CampaignStage::targets ? finish_targets(walker) : finish(walker, clock.seconds());
  }

 private:
  /// What an earlier job of this configuration has tried need not be tried by a thousand.
  void try_folder(const Communicator& world) {
    on_root(world, [&] {
      try {
        was_begun_ = read_file(folder_ / kCampaignText) == configuration_text_;
      } catch (const UserError&) {
        // There is none yet.
      }
    });
    world.broadcast_bytes(&was_begun_, sizeof was_begun_, 0);
    if (!was_begun_) try_results_folder(world, folder_);
  }

  /// Collects and says how it ended; the same on every rank.
  ExitCode finish(const PairWalker& walker, double seconds) {
    auto code = ExitCode::done;
    on_root(session_.world(), [&] { code = collect(walker, seconds); });
    session_.world().broadcast_bytes(&code, sizeof code, 0);
    if (code == ExitCode::requeue) log::info("Stopped before the end of the campaign: start the same command again");
    return code;
  }

  /// How many cells of this plan other jobs hold now and have not ended: a claim on one that has is what the dead left.
  std::size_t held_by_others(const PairWalker& walker) {
    const auto listing = claims_->look();
    CellNames names(folder_);
    names.refresh();
    return static_cast<std::size_t>(std::ranges::count_if(walker.planned(), [&](const PlannedCell& cell) {
      return listing.is_held(cell.id) && names.glance(cell.id) == CellQueue::Glance::nothing;
    }));
  }

  /// Collecting opens every cell: of a thousand jobs the last one does it for all.
  ExitCode leave_collecting(const PairWalker& walker, std::size_t held) {
    add_to_plan(*claims_, folder_, walker.planned(), walker.costs());
    if (held > 0 || walker.others_go_on())
      log::info(concat(
          held > 0 ? concat(held, " cell(s) are left to other jobs") : std::string("Other jobs finished after this one"),
          " in this folder: the last of them collects\nUntil then:   unpact status ", folder_.string()));
    else log::info("Nothing was left to this task of the array, and the others' cells are collected");
    if (walker.stopped()) return ExitCode::requeue;
    return walker.some_failed() || has_lost_pair(walker) ? ExitCode::failure : ExitCode::done;
  }

  /// On the root.
  ExitCode collect(const PairWalker& walker, double seconds) {
    const bool had_nothing = array_place().index > 0 && !walker.ran_any() && !has_lost_pair(walker);
    if (const auto held = held_by_others(walker);
        held > 0 || walker.others_go_on() || (had_nothing && is_collected(folder_)))
      return leave_collecting(walker, held);
    CollectSummary summary;
    const auto united = [&] { return add_to_plan(*claims_, folder_, walker.planned(), walker.costs()); };
    try {
      summary = collect_in_turn(*claims_, folder_, united, [&] {
        if (!walker.stopped()) leave_where_stop_is_wanted("collecting the cells");
      });
    } catch (const StoppedAtCheckpoint& stopped) {
      log::warn(stopped.what());
      return ExitCode::requeue;
    }
    say_results(summary, walker.held().size(), seconds);
    if (walker.stopped()) return ExitCode::requeue;
    refuse_loss(summary, walker);
    // A broken file of a cell that another job works on is about to be replaced.
    const auto concerns_us = [&](const std::string& id) {
      return walker.held().count(id) == 0 && std::ranges::count(walker.planned(), id, &PlannedCell::id) > 0;
    };
    const bool is_whole = std::ranges::none_of(summary.broken_ids, concerns_us) &&
                          std::ranges::none_of(summary.failed_ids, concerns_us) && !has_lost_pair(walker);
    return is_whole ? ExitCode::done : ExitCode::failure;
  }

  /// Of a job that only makes targets and baselines.
  ExitCode finish_targets(const PairWalker& walker) {
    on_root(session_.world(), [&] { add_to_plan(*claims_, folder_, walker.planned(), walker.costs()); });
    if (walker.stopped()) return ExitCode::requeue;
    const bool some_failed = session_.world().max(std::int64_t{has_lost_pair(walker)}) > 0;
    log::info(concat(plan_.size(), " target(s) with their answers", some_failed ? ", of which some failed" : " are there"));
    return some_failed ? ExitCode::failure : ExitCode::done;
  }

  static bool has_lost_pair(const PairWalker& walker) {
    return std::ranges::any_of(walker.planned(), [](const PlannedCell& cell) { return !cell.note.empty(); });
  }

  /// Nothing is left to do: then a cell that is not there was there before. @throws RuntimeFailure naming them.
  void refuse_loss(const CollectSummary& summary, const PairWalker& walker) const {
    std::vector<std::string> lost;
    for (const auto& cell : walker.planned())
      if (std::ranges::count(summary.missing_ids, cell.id) > 0 && cell.note.empty() && walker.held().count(cell.id) == 0)
        lost.push_back(cell.id);
    if (lost.empty()) return;
    throw RuntimeFailure(concat("cells that were done are lost: ", join(lost, ", ")),
                         fs::exists(folder_ / kCampaignText)
                             ? concat("their files in ", (folder_ / "cells").string(), " are gone or damaged")
                             : concat(folder_.string(), " was removed while the campaign ran, with all that it held"),
                         "start the same command again: it makes what is missing");
  }

  void say_results(const CollectSummary& summary, std::size_t held, double seconds) const {
    std::vector<CellRecord> records;
    for (const auto& file : summary.finished_files) records.push_back(read_cell_file(file));
    log::info(concat("\n", summary_table(records)));
    for (const auto& reason : summary.broken_reasons) log::warn(reason);
    log::info(concat(summary.describe(), ", in ", format_duration(seconds)));
    if (held > 0) log::info(concat(held, " cell(s) were done by other jobs in this folder"));
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
  std::optional<Claims> claims_;
  bool was_begun_ = false;  ///< by a job of the same configuration
};

}  // namespace

ExitCode run_reproduce(const Communicator& world, const CommandLine& command_line, const Configuration& configuration) {
  refuse_generator(configuration);
  if (configuration.run.dry_run) return plan_campaign(world, command_line, configuration);
  UNPACT_VALIDATE(!configuration.plan.json, "--json says what a campaign costs", "this one is to run", "add --dry-run");
  return Campaign(world, command_line).run();
}

}  // namespace unpact
