#include "simulated_job.hpp"

#include <set>

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

std::set<std::string> names_in(const fs::path& folder) {
  std::set<std::string> names;
  std::error_code code;
  for (fs::directory_iterator entry(folder, code), end; !code && entry != end; entry.increment(code))
    names.insert(entry->path().filename().string());
  return names;
}

/// Costs what is_cell_done() does of a file that is there: whether it is, its seal, its fingerprint.
bool is_finished(const fs::path& file) {
  if (!fs::exists(file)) return false;
  read_file(file);
  read_file(file);
  return true;
}

}  // namespace

fs::path cell_place(const fs::path& folder, const std::string& id) { return folder / "cells" / (id + ".h5"); }
fs::path target_place(const fs::path& folder, const std::string& pair) { return folder / "baselines" / (pair + ".h5"); }

SimulatedJob::SimulatedJob(const PlannedWork& work, const Settings& settings, const fs::path& folder, std::int64_t index,
                           std::int64_t restart, std::function<double()> now)
    : work_(work), folder_(folder), claims_(folder / "claims", claim_options(settings, index, restart, std::move(now))),
      pause_(pause_seed(settings, index, restart)),
      beats_pause_(ClaimPause::for_beats(pause_seed(settings, index, restart), claims_.renew_seconds())), queues_(work.pairs.size()), is_empty_(work.pairs.size(), false),
      seed_(pause_seed(settings, index, restart)) {}

Decision SimulatedJob::next() {
  bool waits = false, waits_for_target = false;
  for (std::size_t pair = 0; pair < work_.pairs.size(); ++pair) {
    if (is_empty_[pair]) continue;
    auto found = queues_[pair] ? at_pair(pair) : at_target(pair);
    if (found && found->doing != Doing::wait) {
      pause_.reset();
      beats_pause_.reset();
      return std::move(*found);
    }
    waits = waits || found;
    waits_for_target = waits_for_target || (found && !queues_[pair]);
  }
  if (!waits) return {};
  return {Doing::wait, 0, 0, {}, waits_for_target ? pause_.next() : beats_pause_.next()};
}

/// The next cell of a pair whose target is there; nothing when it has none any more.
std::optional<Decision> SimulatedJob::at_pair(std::size_t pair) {
  const auto& cells = work_.pairs[pair].cells;
  std::optional<std::set<std::string>> names;
  const auto may_be_settled = [&](auto cell) {
    if (!names) names = names_in(folder_ / "cells");
    return names->contains(cells[cell] + ".h5");
  };
  auto next = queues_[pair]->next(may_be_settled, [&](auto cell) { return is_finished(cell_place(folder_, cells[cell])); });
  if (next.found == CellQueue::Found::ours) return Decision{Doing::cell, pair, next.cell, std::move(next.claim)};
  is_empty_[pair] = next.found == CellQueue::Found::empty;
  return is_empty_[pair] ? std::nullopt : std::optional(Decision{Doing::wait});
}

/// As make_once(), without the wait.
std::optional<Decision> SimulatedJob::at_target(std::size_t pair) {
  const auto& name = work_.pairs[pair].name;
  const auto claim_name = "baseline." + name;
  const auto listing = claims_.look();
  const auto seen = claims_.watch(claim_name, listing);
  if (seen.is_held && !seen.is_stale) return Decision{Doing::wait};
  const auto is_made = [&] { return fs::exists(target_place(folder_, name)); };
  if (!is_made()) {
    auto claim = claims_.take(claim_name, listing);
    if (!claim) return Decision{Doing::wait};
    if (!is_made()) return Decision{Doing::target, pair, 0, std::move(claim)};
  }
  queues_[pair] = std::make_unique<CellQueue>(claims_, work_.pairs[pair].cells, random_bits(seed_, pair, 0));
  return at_pair(pair);
}

}  // namespace unpact::simulation
