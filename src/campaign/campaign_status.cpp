#include "unpact/campaign/campaign_status.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <set>

#include "planned_sums.hpp"
#include "unpact/comm/fail_together.hpp"
#include "unpact/core/clock.hpp"
#include "unpact/core/error.hpp"
#include "unpact/store/collect.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

constexpr double kWritingSeconds = 10;      // in which a claim that was begun is written
constexpr double kUsualStaleSeconds = 180;  // of a claim that does not say it itself

/// Tells whether a file was written since; empty: there is none.
std::string stamp_of(const fs::path& file) {
  struct stat info {};
  if (::stat(file.c_str(), &info) != 0) return {};
  return concat(info.st_size, " ", info.st_ino, " ", info.st_mtim.tv_sec, " ", info.st_mtim.tv_nsec);
}

/// Why nobody works on it any more; empty: somebody seems to.
std::string staleness(const FoundClaim& claim, const BatchQueue& queue) {
  if (claim.holder) {
    const auto& holder = *claim.holder;
    if (is_dead(holder)) return holder.job.empty() ? "its process is gone" : "its process or its start of the job is gone";
    if (queue.is_known && !holder.job.empty() && queue.find(holder.job) == nullptr)
      return concat("squeue does not know job ", holder.job, " any more");
  }
  const double stale = claim.holder && claim.holder->stale_seconds > 0 ? claim.holder->stale_seconds : kUsualStaleSeconds;
  if (claim.silent_seconds < stale) return {};
  return concat("no sign of life for ", static_cast<std::int64_t>(claim.silent_seconds), " s, by this machine's clock");
}

/// What somebody holds is running, or stale; anything else stays as it is.
void add_claims(const fs::path& folder, CampaignStatus& status) {
  const auto claims = list_claims(folder / "claims");
  std::vector<std::string> jobs;
  for (const auto& claim : claims)
    if (claim.holder && !claim.holder->job.empty()) jobs.push_back(claim.holder->job);
  status.queue = ask_squeue(jobs);
  for (const auto& claim : claims) {
    auto item = std::ranges::find(status.items, claim.name, &WorkItem::id);
    if (item == status.items.end())
      item = status.items.insert(status.items.end(), {.id = claim.name, .kind = WorkKind::other});
    if (!claim.holder && claim.silent_seconds > kWritingSeconds)
      status.problems.push_back(concat("the claim ", claim.file.string(), " cannot be read"));
    if (claim.silent_seconds < -60)
      status.problems.push_back(concat(claim.file.string(), " is ", static_cast<std::int64_t>(-claim.silent_seconds),
                                       " s ahead of this machine's clock: ages are wrong by so much"));
    if (item->state == WorkState::finished) continue;  // its claim is about to go
    const auto stale = staleness(claim, status.queue);
    item->state = stale.empty() ? WorkState::running : WorkState::stale;
    item->reason = stale;
    item->claim = claim;
  }
}

/// Without a plan that can be read: whatever lies there.
std::vector<PlannedCell> cells_of(const fs::path& folder, std::vector<std::string>& problems) {
  try {
    if (auto plan = read_plan(folder)) return std::move(*plan);
    problems.push_back(concat("there is no plan in ", folder.string(), ": only what is finished can be told"));
  } catch (const Error& error) {
    problems.push_back(one_line(error));
  }
  try {
    return fs::is_directory(folder / "cells") ? find_cells(folder) : std::vector<PlannedCell>();
  } catch (const std::exception& error) {
    problems.push_back(one_line(error));
    return {};
  }
}

/// A cell that nobody holds cannot run before what it compares with is there.
void mark_waiting(CampaignStatus& status, const std::vector<PlannedCell>& plan) {
  std::set<std::string> ready;
  for (const auto& item : status.items)
    if (item.kind == WorkKind::baseline && item.state == WorkState::finished) ready.insert(item.id);
  for (const auto& cell : plan) {
    const auto item = std::ranges::find(status.items, cell.id, &WorkItem::id);
    const auto baseline = "baseline." + cell.pair;
    if (item->state != WorkState::missing || cell.pair.empty() || ready.count(baseline) > 0) continue;
    item->state = WorkState::waiting;
    item->reason = concat("for ", baseline);
  }
}

}  // namespace

double WorkItem::held_seconds() const {
  if (!claim || !claim->holder) return 0;
  return std::max(0.0, claim->holder->held_seconds) + std::max(0.0, claim->silent_seconds);
}

std::int64_t WorkItem::ranks() const { return claim && claim->holder ? std::max<std::int64_t>(1, claim->holder->ranks) : 1; }

std::size_t CampaignStatus::count(WorkKind kind, WorkState state) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(items, [&](const auto& item) { return item.kind == kind && item.state == state; }));
}

bool CampaignStatus::is_settled() const {
  return std::ranges::all_of(items, [](const auto& item) {
    return item.kind != WorkKind::cell || item.state == WorkState::finished || item.state == WorkState::failed;
  });
}

StatusReader::StatusReader(fs::path folder) : folder_(std::move(folder)) {
  std::error_code code;
  const auto has = [&](const char* name) { return fs::exists(folder_ / name, code); };
  UNPACT_VALIDATE(fs::is_directory(folder_, code), concat("there is no folder ", folder_.string()),
                  code ? code.message() : "it is not there", "give the folder that 'unpact reproduce' writes to");
  UNPACT_VALIDATE(has("plan.json") || has("campaign.ini") || has("claims") || has("cells"),
                  concat("no campaign in ", folder_.string()), "it has no plan, no claims and no cells",
                  "give the folder that 'unpact reproduce' writes to");
}

const CellGlance* StatusReader::glance(const fs::path& file) {
  const auto stamp = stamp_of(file);
  if (stamp.empty()) return nullptr;
  auto& seen = seen_[file];
  if (seen.stamp != stamp) seen = {stamp, glance_at_cell(file)};
  return &seen.glance;
}

WorkItem StatusReader::look_at_cell(const PlannedCell& cell) {
  WorkItem item{.id = cell.id, .model = cell.model, .dataset = cell.dataset, .method = cell.method, .seed = cell.seed};
  for (const auto& file : places_of_cell(folder_, cell.id, cell.fingerprint)) {
    const auto* found = glance(file);
    if (found == nullptr) continue;
    if (!found->finding.empty()) item.reason = found->finding;
    if (!found->finding.empty() || cell.fingerprint.empty() || found->fingerprint != cell.fingerprint) continue;
    item.state = WorkState::finished;
    item.measured = found->rank_seconds();
    item.file = file;
    item.reason.clear();
    return item;
  }
  const auto failed = find_failed_cell(folder_, cell.id, cell.fingerprint);
  if (failed || !cell.note.empty()) {
    item.state = WorkState::failed;
    item.reason = failed ? concat(failed->problem, ": ", failed->reason) : cell.note;
  }
  return item;
}

/// Pairs with the same contents share one file, under the name of one of them; and under a pair's name there may lie one of
/// other settings. A broken one of its own name is told of where there is no other.
const CellGlance* StatusReader::glance_at_baseline(const PlannedCell& cell) {
  const auto* own = glance(folder_ / "baselines" / (cell.pair + ".h5"));
  if (cell.baseline.empty() || (own != nullptr && own->fingerprint == cell.baseline)) return own;
  std::error_code code;
  for (fs::directory_iterator entry(folder_ / "baselines", code), end; !code && entry != end; entry.increment(code)) {
    if (entry->path().extension() != ".h5" || entry->path().filename().string().front() == '.') continue;
    const auto* found = glance(entry->path());
    if (found != nullptr && found->finding.empty() && found->fingerprint == cell.baseline) return found;
  }
  return own != nullptr && !own->finding.empty() ? own : nullptr;
}

void StatusReader::add_shared(const std::vector<PlannedCell>& plan, const PlannedCosts& costs, CampaignStatus& status) {
  std::set<std::string> seen;
  for (const auto& cell : plan) {
    if (cell.pair.empty() || !seen.insert(cell.pair).second) continue;
    WorkItem target{.id = "target." + cell.pair, .kind = WorkKind::target, .model = cell.model, .dataset = cell.dataset};
    WorkItem baseline{
        .id = "baseline." + cell.pair, .kind = WorkKind::baseline, .model = cell.model, .dataset = cell.dataset};
    const auto* found = glance_at_baseline(cell);
    if (found != nullptr && found->finding.empty()) {
      baseline.state = WorkState::finished;
      baseline.measured = found->rank_seconds();
      baseline.planned = seconds_of(stages_of(costs, found->id));
    } else if (found != nullptr) {
      baseline.reason = found->finding;
    }
    std::error_code code;
    if (fs::exists(folder_ / "models" / cell.pair / "config.json", code)) target.state = WorkState::finished;
    for (auto* item : {&target, &baseline}) {
      if (item->state == WorkState::finished || cell.note.empty()) continue;
      item->state = WorkState::failed;
      item->reason = cell.note;
    }
    if (cell.makes_target) status.items.push_back(std::move(target));
    status.items.push_back(std::move(baseline));
  }
}

CampaignStatus StatusReader::read() {
  CampaignStatus status;
  status.folder = folder_;
  status.when = utc_now();
  const auto plan = cells_of(folder_, status.problems);
  const auto costs = read_planned_costs(folder_);
  add_shared(plan, costs, status);
  for (const auto& cell : plan) {
    status.items.push_back(look_at_cell(cell));
    status.items.back().planned = seconds_of(stages_of(costs, cell.id));
  }
  add_claims(folder_, status);
  mark_waiting(status, plan);
  estimate_work(costs, status);
  return status;
}

}  // namespace unpact
