#include "unpact/store/collect.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "campaign_file.hpp"
#include "cell_scan.hpp"
#include "unpact/comm/fail_together.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/file_reader.hpp"
#include "unpact/store/cell_file.hpp"
#include "seal.hpp"

namespace unpact {
namespace {

namespace fs = std::filesystem;

/// The parts of an id become groups under /cells, so they must be names and not "." or "..".
void require_usable_ids(const std::vector<PlannedCell>& cells) {
  std::set<std::string> seen;
  for (const auto& cell : cells) {
    bool usable = !cell.id.empty() && cell.id.front() != '/' && cell.id.back() != '/';
    for (const auto& part : fs::path(cell.id)) usable = usable && !part.empty() && part != "." && part != "..";
    UNPACT_VALIDATE(usable, concat("the cell id '", cell.id, "' cannot be used"),
                    "it becomes a path inside the campaign file", "give the cell another id");
    UNPACT_VALIDATE(seen.insert(cell.id).second, concat("two cells have the id '", cell.id, "'"),
                    "each needs its own place in the campaign file", "remove one of them, or the copy of its file");
  }
}

std::string below(const fs::path& file, const fs::path& folder) {
  return fs::absolute(file).lexically_proximate(fs::absolute(folder)).generic_string();
}

/// A cell without a file: it failed, or nobody has made it.
void say_why_missing(const fs::path& folder, CellStatus& status, const std::string& otherwise) {
  if (const auto failed = find_failed_cell(folder, status.cell.id, status.cell.fingerprint)) {
    status.state = CollectedState::failed;
    status.reason = concat(failed->problem, ": ", failed->reason);
  } else {
    status.state = CollectedState::missing;
    status.reason = status.cell.note.empty() ? otherwise : status.cell.note;
  }
}

/// Looks at a cell's file; a finished one adds its metrics. @param is_found whether its fingerprint was seen to be the cell's.
CellStatus examine(const PlannedCell& cell, const fs::path& folder, bool is_found, std::vector<CellMetrics>& metrics) {
  CellStatus status{cell, below(cell.file, folder), CollectedState::missing, "", "", false};
  std::error_code code;
  if (!fs::exists(cell.file, code)) {
    say_why_missing(folder, status, code ? code.message() : "there is no such file");
    return status;
  }
  try {
    status.state = CollectedState::broken;
    status.sha256 = sha256_of_file(cell.file);
    const CellRecord record = read_cell_file(cell.file);
    UNPACT_VALIDATE(record.id == cell.id, concat("the file holds another cell, '", record.id, "'"), "its id differs",
                    "delete it and run the cell again");
    if (!is_found && cell.fingerprint != describe_cell(cell.file).cell.fingerprint) {
      status.sha256.clear();
      say_why_missing(folder, status,
                      cell.fingerprint.empty() ? "it was not begun; the file there may be of another configuration"
                                               : "the file there is of another configuration");
    } else {
      metrics.push_back(metrics_of(record));
      status.state = CollectedState::finished;
    }
  } catch (const UnreadableFile& error) {
    status.is_unreadable = true;
    status.reason = one_line(error);
  } catch (const std::exception& error) {
    status.reason = one_line(error);
  }
  return status;
}

void write_campaign(const fs::path& path, const std::vector<CellStatus>& states, const std::vector<CellMetrics>& metrics) {
  AtomicFile file(path);
  write_campaign_content(file.temporary_path(), states, metrics);
  append_seal(file.temporary_path());
  file.commit();
}

/// Where the cell lies: a job with other settings may have moved it.
std::optional<fs::path> place_of(const fs::path& folder, const PlannedCell& cell) {
  try {
    return find_finished_cell(folder, cell.id, cell.fingerprint);
  } catch (const UnreadableFile&) {
    return std::nullopt;  // whoever looks at its own file says so
  }
}

/// What else lies in the folder, under names of its own. @param states the planned cells.
std::vector<CellStatus> examine_others(const fs::path& folder, const std::vector<CellStatus>& states) {
  std::set<std::string> taken, names;
  for (const auto& status : states) {
    names.insert(status.cell.id);
    if (status.state == CollectedState::finished || status.state == CollectedState::broken)
      taken.insert(status.relative_file);
  }
  std::vector<CellStatus> others;
  auto files = cell_files(folder);
  for (auto& file : other_cell_files(folder)) files.push_back(std::move(file));
  for (const auto& file : files) {
    if (taken.count(below(file, folder)) > 0) continue;
    auto found = describe_cell(file);
    if (names.count(found.cell.id) > 0 && !found.cell.fingerprint.empty())
      found.cell.id = concat(found.cell.id, ".", short_fingerprint(found.cell.fingerprint));
    if (!names.insert(found.cell.id).second) continue;  // a copy
    const bool intact = found.finding.empty();
    others.push_back({found.cell, below(file, folder), CollectedState::other, "",
                      intact ? "of another configuration, or in no plan" : found.finding, !intact});
  }
  return others;
}

void count(const CellStatus& status, CollectSummary& summary) {
  summary.finished += status.state == CollectedState::finished;
  summary.missing += status.state == CollectedState::missing;
  summary.broken += status.state == CollectedState::broken;
  summary.failed += status.state == CollectedState::failed;
  summary.other += status.state == CollectedState::other;
  summary.unreadable += status.state == CollectedState::broken && status.is_unreadable;
  if (status.state == CollectedState::broken) {
    summary.broken_reasons.push_back(concat(status.cell.id, ": ", status.reason));
    summary.broken_ids.push_back(status.cell.id);
  }
  if (status.state == CollectedState::failed) summary.failed_ids.push_back(status.cell.id);
  if (status.state == CollectedState::missing) summary.missing_ids.push_back(status.cell.id);
  if (status.state == CollectedState::finished) summary.finished_files.push_back(status.cell.file);
}

/// Whether anything that was read, or failed, says that this plan has these results and no others.
bool knows_something(const std::vector<CellStatus>& states) {
  return std::any_of(states.begin(), states.end(), [](const CellStatus& status) {
    return status.state == CollectedState::finished || status.state == CollectedState::failed ||
           (status.state == CollectedState::other && !status.is_unreadable);
  });
}

}  // namespace

std::string CollectSummary::describe() const {
  return concat(finished, " cell(s) finished, ", missing, " missing, ", broken, " broken, ", failed, " failed",
                other > 0 ? concat(", ", other, " of other settings") : "");
}

CollectSummary collect_campaign(const fs::path& folder, const std::vector<PlannedCell>& cells,
                                const std::function<void()>& before_each) {
  require_usable_ids(cells);
  std::vector<PlannedCell> sorted = cells;
  std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  std::vector<CellStatus> states;
  std::vector<CellMetrics> metrics;
  for (auto& cell : sorted) {
    before_each();
    const auto found = place_of(folder, cell);
    if (found) cell.file = *found;
    states.push_back(examine(cell, folder, found.has_value(), metrics));
  }
  for (auto& other : examine_others(folder, states)) states.push_back(std::move(other));
  std::sort(states.begin(), states.end(), [](const auto& a, const auto& b) { return a.cell.id < b.cell.id; });
  CollectSummary summary;
  for (const auto& status : states) count(status, summary);
  summary.written = knows_something(states) || (summary.broken == 0 && !fs::exists(folder / kCampaignFile));
  if (summary.written) write_campaign(folder / kCampaignFile, states, metrics);
  return summary;
}

std::vector<PlannedCell> find_cells(const fs::path& folder) {
  UNPACT_VALIDATE(fs::is_directory(folder / "cells"), concat("there are no cells in ", folder.string()),
                  "it has no folder named 'cells'", "give the folder that 'unpact reproduce' wrote to");
  std::vector<FoundCell> found;
  using Pair = std::pair<std::string, std::string>;  // model and dataset
  std::map<Pair, const FoundCell*> newest;
  for (const auto& file : cell_files(folder))
    found.push_back(describe_cell(file, file.lexically_relative(folder / "cells").replace_extension().generic_string()));
  for (const auto& cell : found) {
    if (!cell.finding.empty()) continue;
    auto& best = newest[{cell.cell.model, cell.cell.dataset}];
    if (best == nullptr || cell.ended > best->ended) best = &cell;
  }
  std::vector<PlannedCell> cells;
  for (const auto& cell : found)
    if (!cell.finding.empty() ||
        cell.baseline_fingerprint == newest.at({cell.cell.model, cell.cell.dataset})->baseline_fingerprint)
      cells.push_back(cell.cell);
  return cells;
}

}  // namespace unpact
