#include "simulated_job.hpp"

#include <numeric>

#include "metadata_counter.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/random.hpp"
#include "unpact/core/text.hpp"

namespace unpact::simulation {
namespace fs = std::filesystem;
namespace {

ClaimOptions claim_options(const Settings& settings, std::int64_t index, std::int64_t restart, std::function<double()> now) {
  ClaimOptions options;
  options.stale_seconds = settings.stale_after;
  options.renew_seconds = settings.stale_after / settings.beats;
  options.now = std::move(now);
  options.run = concat(index, ".", restart);
  options.renews_itself = false;
  ClaimHolder self;
  self.host = concat("simulated", index, "-", restart);  // the next start is on another node
  self.job = concat(index + 1);
  self.restart = restart;
  self.process = "simulated";
  options.self = self;
  return options;
}

std::uint64_t pause_seed(const Settings& settings, std::int64_t index, std::int64_t restart) {
  return random_bits(settings.seed, static_cast<std::uint64_t>(index), static_cast<std::uint64_t>(restart));
}

std::set<std::string> ids_of(const PlannedWork& work) {
  std::set<std::string> ids;
  for (const auto& pair : work.pairs) ids.insert(pair.cells.begin(), pair.cells.end());
  return ids;
}

constexpr const char* kFingerprint = "settings";  // of all cells

/// Costs what is_cell_done() was measured to do of a file that is there.
bool is_finished(const fs::path& file) {
  constexpr std::int64_t kMoreOperations = 5;  // than to see that it is there
  if (!fs::exists(file)) return false;
  testing_support::add_metadata_operations(kMoreOperations);
  return true;
}

}  // namespace

fs::path cell_place(const fs::path& folder, const std::string& id) { return folder / "cells" / (id + ".h5"); }
fs::path target_place(const fs::path& folder, const std::string& pair) { return folder / "baselines" / (pair + ".h5"); }

SimulatedJob::SimulatedJob(const PlannedWork& work, const Settings& settings, const fs::path& folder, std::int64_t index,
                           std::int64_t restart, std::function<double()> now)
    : work_(work), folder_(folder), claims_(folder / "claims", claim_options(settings, index, restart, now)), busy_(claims_),
      names_(folder, now), finished_(folder, now), last_(ids_of(work)), pause_(pause_seed(settings, index, restart)),
      beats_pause_(ClaimPause::for_beats(pause_seed(settings, index, restart), claims_.renew_seconds())),
      is_ready_(work.pairs.size(), false), is_empty_(work.pairs.size(), false), settings_(settings),
      seed_(pause_seed(settings, index, restart)), first_choice_(static_cast<std::size_t>(index)), index_(index) {
  for (const auto& pair : work.pairs) {
    left_.emplace_back(pair.cells.size());
    std::iota(left_.back().begin(), left_.back().end(), 0);
  }
  testing_support::add_metadata_operations(settings.start_operations);
}

Decision SimulatedJob::next() {
  bool waits = false;
  waits_for_target_ = false;
  busy_.begin_round();
  for (std::size_t pair = 0; pair < work_.pairs.size(); ++pair) {
    if (is_empty_[pair]) continue;
    auto found = is_ready_[pair] ? at_pair(pair) : at_target(pair);
    if (found && found->doing != Doing::wait) {
      pause_.reset();
      beats_pause_.reset();
      return std::move(*found);
    }
    waits = waits || found;
  }
  const auto& listing = claims_.recent_look();
  last_.saw(listing, [&](const std::string& id) {
    names_.refresh(listing.time);
    return names_.glance(id) != CellQueue::Glance::nothing;
  });
  if (!waits) return {};
  return {Doing::wait, 0, 0, {}, waits_for_target_ ? pause_.next() : beats_pause_.next()};
}

void SimulatedJob::finished(const std::string& cell) {
  if (!cell.empty()) finished_.add(cell, kFingerprint);
  ran_any_ = ran_any_ || !cell.empty();
  last_.finished();
  claims_.forget_look();
}

bool SimulatedJob::collects() {
  if (last_.others_go_on()) return false;
  const auto listing = claims_.look();
  for (const auto& pair : work_.pairs)
    for (const auto& cell : pair.cells)
      if (listing.is_held(cell)) return false;
  return index_ == 0 || ran_any_ || !is_collected(folder_);
}

CellQueue SimulatedJob::queue_of(std::size_t pair) {
  std::vector<std::string> ids;
  for (const auto cell : left_[pair]) ids.push_back(work_.pairs[pair].cells[cell]);
  return CellQueue(claims_, ids, random_bits(seed_, pair, 0), CellQueue::kWatched / work_.pairs.size(), first_choice_);
}

CellQueue::LookAt SimulatedJob::glance_at(std::size_t pair) {
  return [this, pair](std::size_t cell) {
    names_.refresh();
    return names_.glance(work_.pairs[pair].cells[left_[pair][cell]]);
  };
}

/// As CellRunner.
bool SimulatedJob::is_listed(const std::string& id) {
  return (index_ > 0 || last_.others_work(claims_)) && names_.has_results(id) && finished_.has(id, kFingerprint);
}

/// As CellRunner::left_of().
void SimulatedJob::drop_finished(std::size_t pair) {
  names_.refresh();
  std::erase_if(left_[pair], [&](auto cell) {
    const auto& id = work_.pairs[pair].cells[cell];
    return names_.has_any(id) && (is_listed(id) || is_finished(cell_place(folder_, id)));
  });
}

/// The next cell of a pair whose target is there; nothing when it has none any more.
std::optional<Decision> SimulatedJob::at_pair(std::size_t pair) {
  const auto& cells = work_.pairs[pair].cells;
  auto next = queue_of(pair).next(claims_.recent_look(), glance_at(pair),
                                  [&](auto cell) { return is_finished(cell_place(folder_, cells[left_[pair][cell]])); });
  if (next.found == CellQueue::Found::ours) first_choice_.reset();
  if (next.found == CellQueue::Found::ours)
    return Decision{Doing::cell, pair, left_[pair][next.cell], std::move(next.claim)};
  is_empty_[pair] = next.found == CellQueue::Found::empty;
  return is_empty_[pair] ? std::nullopt : std::optional(Decision{Doing::wait});
}

/// As PairWalker::visit() and make_once().
std::optional<Decision> SimulatedJob::at_target(std::size_t pair) {
  const auto& name = work_.pairs[pair].name;
  const auto claim_name = "baseline." + name;
  if (busy_.is_busy(claim_name)) {
    waits_for_target_ = true;
    return Decision{Doing::wait};
  }
  const auto look_at = glance_at(pair);
  const auto found = queue_of(pair).foresee(claims_.recent_look(), [&](std::size_t cell) {
    const auto seen = look_at(cell);
    const bool is_done = seen == CellQueue::Glance::old_file && is_listed(work_.pairs[pair].cells[left_[pair][cell]]);
    return is_done ? CellQueue::Glance::new_file : seen;
  });
  is_empty_[pair] = found == CellQueue::Found::empty;
  if (is_empty_[pair]) return std::nullopt;
  if (found == CellQueue::Found::wait) return Decision{Doing::wait};
  testing_support::add_metadata_operations(settings_.target_operations);
  const auto is_made = [&] { return fs::exists(target_place(folder_, name)); };
  if (!is_made()) {
    auto claim = claims_.take(claim_name);
    waits_for_target_ = waits_for_target_ || !claim;
    if (!claim) return Decision{Doing::wait};
    if (!is_made()) return Decision{Doing::target, pair, 0, std::move(claim)};
  }
  is_ready_[pair] = true;
  drop_finished(pair);
  return at_pair(pair);
}

}  // namespace unpact::simulation
