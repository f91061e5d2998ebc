#include "unpact/campaign/cell_runner.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "provenance.hpp"
#include "unpact/campaign/cell.hpp"
#include "unpact/campaign/fingerprints.hpp"
#include "unpact/campaign/start_together.hpp"
#include "unpact/comm/fail_together.hpp"
#include "unpact/comm/plain_words.hpp"
#include "unpact/core/clock.hpp"
#include "unpact/core/file_reader.hpp"
#include "unpact/core/log.hpp"
#include "unpact/core/process_identity.hpp"
#include "unpact/core/progress.hpp"
#include "unpact/core/random.hpp"
#include "unpact/core/stop.hpp"
#include "unpact/store/cell_places.hpp"
#include "unpact/train/training_checkpoint.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

/// A device whose context is lost fails at everything: then the next cells would be called failed without being so.
void require_working_device(const c10::Device& device) {
  const auto probe = at::ones({2}, at::TensorOptions().device(device)).sum().item<float>();
  UNPACT_ENSURE(probe == 2);
}

/// Says so when there is nothing to do.
bool is_left(const Baseline& baseline, const Configuration& cell, const fs::path& folder, bool retry_failed) {
  const auto id = cell_id(cell);
  try {
    if (is_cell_done(baseline, cell, folder)) {
      log::info(concat("Cell ", id, " is finished already"));
      return false;
    }
  } catch (const UnreadableFile& error) {
    log::warn(one_line(error));  // it may be intact: nothing is made in its place
    return false;
  }
  const auto failed = retry_failed ? std::nullopt : find_failed_cell(folder, id, fingerprint_of_cell(baseline, cell));
  if (failed)
    log::warn(concat("cell ", id, " failed before (", failed->problem, ": ", failed->reason,
                     "); --retry-failed tries it once more"));
  return !failed;
}

}  // namespace

CellRunner::CellRunner(const Session& session, const Communicator& group, Claims& claims, fs::path folder, bool retry_failed,
                       std::function<bool(double)> leave_off, std::set<std::string> all_cells)
    : session_(session), group_(group), claims_(claims), folder_(std::move(folder)), retry_failed_(retry_failed),
      leave_off_(std::move(leave_off)), agreement_(group), names_(folder_, [&claims] { return claims.now(); }),
      finished_(folder_), last_(std::move(all_cells)),
      seed_(random_bits(std::hash<std::string>{}(claims.run()), stream_of("group"),
                        static_cast<std::uint64_t>(session.world().rank()))),
      first_choice_(place_among_groups(session.world(), group)) {}

CellQueue CellRunner::queue_of(const std::vector<Configuration>& cells, std::size_t pairs) const {
  std::vector<std::string> ids;
  for (const auto& cell : cells) ids.push_back(cell_id(cell));
  return CellQueue(claims_, ids, seed_, CellQueue::kWatched / pairs, first_choice_);
}

CellQueue::Found CellRunner::foresee(const std::vector<Configuration>& cells, std::size_t pairs) {
  auto queue = queue_of(cells, pairs);
  const auto look_at = glance_at(cells);
  const auto found = queue.foresee(claims_.recent_look(), [&](std::size_t cell) {
    const auto seen = look_at(cell);
    const auto id = cell_id(cells[cell]);
    const bool is_done = seen == CellQueue::Glance::old_file && is_listed(id, expected_[id]);
    return is_done ? CellQueue::Glance::new_file : seen;
  });
  look_for_others();
  note_held(queue);
  return found;
}

bool CellRunner::run(const Baseline& baseline, const std::vector<Configuration>& cells, std::size_t pairs) {
  auto queue = queue_of(cells, pairs);
  auto pause = ClaimPause::for_beats(seed_, claims_.renew_seconds());
  const bool patient = pairs == 1;
  while (!leave_off_(0)) {
    const auto [found, cell, seconds] = next(queue, baseline, cells, pause);
    if (found == CellQueue::Found::empty) return false;
    if (found == CellQueue::Found::wait) {
      if (!patient) return true;
      wait(seconds);
      continue;
    }
    constexpr double kReserve = 60;  // seconds: less is not worth beginning a cell
    if (leave_off_(kReserve)) {
      claim_.reset();
      return false;
    }
    session_.loads().require_unchanged();  // what was mapped is still what lies there
    run_claimed(baseline, cells[cell]);
    if (stopped_) return false;
  }
  return false;
}

/// A stop is heeded meanwhile.
void CellRunner::wait(double seconds) {
  constexpr double kStep = 0.5;
  for (double left = seconds; left > 0; left -= kStep) {
    std::this_thread::sleep_for(std::chrono::duration<double>(std::min(left, kStep)));
    if (left > kStep && leave_off_(0)) return;
  }
}

/// Whether others have finished it with this fingerprint: then nothing is opened while they are at work, nor by the later tasks of
/// an array. What is damaged since is found by the last one, or by the first task.
bool CellRunner::is_listed(const std::string& id, const std::string& fingerprint) {
  return (array_place().index > 0 || last_.others_work(claims_)) && names_.has_results(id) && finished_.has(id, fingerprint);
}

std::vector<Configuration> CellRunner::left_of(const Communicator& ranks, const Baseline& baseline,
                                               const std::vector<Configuration>& cells) {
  std::string left;  // a letter a cell
  on_root(ranks, [&] {
    names_.refresh();
    for (const auto& cell : cells) {
      const auto id = cell_id(cell);
      const bool is_done = names_.has_any(id) && (is_listed(id, fingerprint_of_cell(baseline, cell)) ||
                                                  !is_left(baseline, cell, folder_, retry_failed_));
      left += is_done ? 'n' : 'y';
    }
  });
  left = ranks.broadcast(left, 0);
  std::vector<Configuration> result;
  for (std::size_t i = 0; i < cells.size(); ++i)
    if (left[i] == 'y') result.push_back(cells[i]);
  return result;
}

/// Reads the folder when it is asked first.
CellQueue::LookAt CellRunner::glance_at(const std::vector<Configuration>& cells) {
  return [this, &cells](std::size_t cell) {
    names_.refresh();
    return names_.glance(cell_id(cells[cell]));
  };
}

/// Names that are older than the claims would show a cell as open that was filed between the two, and is held for the moment in which
/// somebody sees that it is done: then everybody would leave the collecting to another.
void CellRunner::look_for_others() {
  const auto& listing = claims_.recent_look();
  last_.saw(listing, [&](const std::string& id) {
    names_.refresh(listing.time);
    return names_.glance(id) != CellQueue::Glance::nothing;
  });
}

void CellRunner::note_held(const CellQueue& queue) {
  for (const auto& [id, holder] : queue.held())
    if (held_.insert(id).second)
      log::info(concat("Cell ", id, " is left to another job", holder ? concat(" (", holder->describe(), ")") : ""));
}

/// What the group does next; with Found::ours the root holds the claim. Collective over the group.
CellRunner::Step CellRunner::next(CellQueue& queue, const Baseline& baseline, const std::vector<Configuration>& cells,
                                  ClaimPause& pause) {
  Step step;
  on_root(group_, [&] {
    auto next =
        queue.next(claims_.recent_look(), glance_at(cells), [&](auto cell) { return is_settled(baseline, cells[cell]); });
    step = {next.found, next.cell, 0};
    claim_ = std::move(next.claim);
    if (!claim_) look_for_others();
    note_held(queue);
    if (claim_) held_.erase(cell_id(cells[next.cell])), first_choice_.reset();
    if (step.found == CellQueue::Found::wait) step.seconds = pause.next();
    else pause.reset();
  });
  group_.broadcast_bytes(&step, sizeof step, 0);
  return step;
}

bool CellRunner::is_settled(const Baseline& baseline, const Configuration& cell) const {
  if (is_cell_done(baseline, cell, folder_)) return true;
  const auto failed = find_failed_cell(folder_, cell_id(cell), fingerprint_of_cell(baseline, cell));
  return failed && (!retry_failed_ || failed->run == claims_.run());
}

void CellRunner::run_claimed(const Baseline& baseline, const Configuration& cell) {
  const auto id = cell_id(cell);
  log::info(concat("Cell ", id));
  ran_any_ = true;
  const Stopwatch clock;
  const auto end = agreement_.run([&] {
    try {
      run_cell(session_, group_, baseline, cell, folder_, &claims_);
    } catch (const StoppedAtCheckpoint& stopped) {
      if (group_.is_root()) log::warn(concat("cell ", id, ": ", stopped.what()));
      stopped_ = true;
    }
  });
  if (end.error && !end.together) {  // the job ends, but the next one knows why
    record_failure(baseline, cell, end.error);
    std::rethrow_exception(end.error);
  }
  if (end.error) {
    require_working_device(session_.device());
    if (group_.is_root()) record_failure(baseline, cell, end.error);
  } else {
    log::detail(concat("cell ", id, stopped_ ? " was left after " : " took ", format_duration(clock.seconds())));
    if (group_.is_root() && !stopped_) finished_.add(id, fingerprint_of_cell(baseline, cell));
  }
  claim_.reset();
  last_.finished();
  claims_.forget_look();
}

void CellRunner::record_failure(const Baseline& baseline, const Configuration& cell, const std::exception_ptr& thrown) {
  PlainError plain;
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& error) {
    plain = in_plain_words(error);
  }
  const FailedCell failed{cell_id(cell),
                          fingerprint_of_cell(baseline, cell),
                          plain.problem,
                          plain.reason,
                          plain.hint,
                          utc_now(),
                          concat(host_name(), ", rank ", session_.world().rank()),
                          claims_.run()};
  log::warn(concat("cell ", failed.id, " has no result: ", failed.problem, ": ", failed.reason,
                   "\n  It is recorded as failed; the others go on. --retry-failed tries it once more."));
  write_failed_cell(folder_, failed);
  some_failed_ = true;
  note_progress();
}

}  // namespace unpact
