#include "unpact/campaign/cell_runner.hpp"

#include <ATen/ATen.h>

#include <chrono>
#include <thread>

#include "provenance.hpp"
#include "unpact/campaign/cell.hpp"
#include "unpact/campaign/job_claims.hpp"
#include "unpact/comm/fail_together.hpp"
#include "unpact/comm/plain_words.hpp"
#include "unpact/core/clock.hpp"
#include "unpact/core/file_reader.hpp"
#include "unpact/core/log.hpp"
#include "unpact/core/process_identity.hpp"
#include "unpact/core/progress.hpp"
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
                       std::function<bool(double)> leave_off)
    : session_(session), group_(group), claims_(claims), folder_(std::move(folder)), retry_failed_(retry_failed),
      leave_off_(std::move(leave_off)), agreement_(group) {}

bool CellRunner::run(const Baseline& baseline, const std::vector<Configuration>& cells, bool patient) {
  std::vector<Configuration> left = cells;
  while (!left.empty()) {
    std::vector<Configuration> waiting;
    for (const auto& cell : left) {
      if (leave_off_(0)) return false;
      const auto found = look(baseline, cell);
      if (found == Look::ours) {
        constexpr double kReserve = 60;  // seconds: less is not worth beginning a cell
        if (leave_off_(kReserve)) {
          claim_.reset();
          return false;
        }
        session_.loads().require_unchanged();  // what was mapped is still what lies there
        run_claimed(baseline, cell);
      }
      if (found == Look::wait) waiting.push_back(cell);
      if (stopped_) return false;
    }
    left = std::move(waiting);
    if (!left.empty() && !patient) return true;
    if (!left.empty()) std::this_thread::sleep_for(kClaimPause);
  }
  return false;
}

std::vector<Configuration> cells_left(const Communicator& world, const Baseline& baseline,
                                      const std::vector<Configuration>& cells, const fs::path& folder, bool retry_failed) {
  std::string left;  // a letter a cell
  on_root(world, [&] {
    for (const auto& cell : cells) left += is_left(baseline, cell, folder, retry_failed) ? 'y' : 'n';
  });
  left = world.broadcast(left, 0);
  std::vector<Configuration> result;
  for (std::size_t i = 0; i < cells.size(); ++i)
    if (left[i] == 'y') result.push_back(cells[i]);
  return result;
}

CellRunner::Look CellRunner::look(const Baseline& baseline, const Configuration& cell) {
  auto found = Look::done;
  on_root(group_, [&] { found = decide(baseline, cell); });
  group_.broadcast_bytes(&found, sizeof found, 0);
  return found;
}

/// On the root. With Look::ours the claim is held.
CellRunner::Look CellRunner::decide(const Baseline& baseline, const Configuration& cell) {
  const auto id = cell_id(cell);
  const auto is_settled = [&] {
    if (is_cell_done(baseline, cell, folder_)) return true;
    const auto failed = find_failed_cell(folder_, id, fingerprint_of_cell(baseline, cell));
    return failed && (!retry_failed_ || failed->run == claims_.run());
  };
  if (is_settled()) return Look::done;
  claim_ = claims_.take(id);
  if (claim_) {
    held_.erase(id);
    if (!is_settled()) return Look::ours;
    claim_.reset();
    return Look::done;
  }
  if (!claims_.is_alive(id)) return Look::wait;
  const auto holder = claims_.holder(id);
  if (holder && holder->run != claims_.run() && held_.insert(id).second)
    log::info(concat("Cell ", id, " is left to another job (", holder->describe(), ")"));
  return Look::elsewhere;
}

void CellRunner::run_claimed(const Baseline& baseline, const Configuration& cell) {
  const auto id = cell_id(cell);
  log::info(concat("Cell ", id));
  const Stopwatch clock;
  const auto end = agreement_.run([&] {
    try {
      run_cell(session_, group_, baseline, cell, folder_);
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
  }
  claim_.reset();
}

void CellRunner::record_failure(const Baseline& baseline, const Configuration& cell,
                                const std::exception_ptr& thrown) const {
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
  note_progress();
}

}  // namespace unpact
