#include "unpact/store/collect.hpp"

#include <algorithm>
#include <set>

#include "campaign_file.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/file_reader.hpp"
#include "unpact/store/cell_file.hpp"
#include "reader.hpp"
#include "schema.hpp"
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

std::string reason_of(const std::exception& error) {
  const auto* known = dynamic_cast<const Error*>(&error);
  return known ? concat(known->problem(), ": ", known->reason()) : std::string(error.what());
}

/// Looks at a cell's file; a finished one adds its metrics.
CellStatus examine(const PlannedCell& cell, const fs::path& folder, std::vector<CellMetrics>& metrics) {
  CellStatus status{
      cell, fs::absolute(cell.file).lexically_proximate(fs::absolute(folder)).generic_string(), CellState::missing, "", "",
      false};
  std::error_code code;
  if (!fs::exists(cell.file, code)) {
    status.reason = code ? code.message() : "there is no such file";
    return status;
  }
  try {
    status.state = CellState::broken;
    status.sha256 = sha256_of_file(cell.file);
    const CellRecord record = read_cell_file(cell.file);
    UNPACT_VALIDATE(record.id == cell.id, concat("the file holds another cell, '", record.id, "'"), "its id differs",
                    "delete it and run the cell again");
    metrics.push_back(metrics_of(record));
    status.state = CellState::finished;
  } catch (const UnreadableFile& error) {
    status.is_unreadable = true;
    status.reason = reason_of(error);
  } catch (const std::exception& error) {
    status.reason = reason_of(error);
  }
  return status;
}

void write_campaign(const fs::path& path, const std::vector<CellStatus>& states, const std::vector<CellMetrics>& metrics) {
  AtomicFile file(path);
  write_campaign_content(file.temporary_path(), states, metrics);
  append_seal(file.temporary_path());
  file.commit();
}

/// Fills in what the file says about itself; a broken file keeps its name as id.
PlannedCell describe(const fs::path& path, const fs::path& cells) {
  PlannedCell cell;
  cell.file = path;
  cell.id = path.lexically_relative(cells).replace_extension().generic_string();
  try {
    require_seal(path);
    const hdf5::Reader file(path);
    require_schema(file, path.string(), kCellSchema);
    cell.model = file.text("model");
    cell.dataset = file.text("dataset");
    cell.method = file.text("method");
    cell.seed = file.integer("seed");
    cell.id = file.text("cell_id");
  } catch (const std::exception&) {
    // collect_campaign says what is wrong with it
  }
  return cell;
}

}  // namespace

CollectSummary collect_campaign(const fs::path& folder, const std::vector<PlannedCell>& cells,
                                const std::function<void()>& before_each) {
  require_usable_ids(cells);
  std::vector<PlannedCell> sorted = cells;
  std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  std::vector<CellStatus> states;
  std::vector<CellMetrics> metrics;
  for (const auto& cell : sorted) {
    before_each();
    states.push_back(examine(cell, folder, metrics));
  }
  CollectSummary summary;
  for (const auto& status : states) {
    summary.finished += status.state == CellState::finished;
    summary.missing += status.state == CellState::missing;
    summary.broken += status.state == CellState::broken;
    summary.unreadable += status.is_unreadable;
    if (status.state == CellState::broken) summary.broken_reasons.push_back(concat(status.cell.id, ": ", status.reason));
  }
  summary.written = summary.finished > 0 || (summary.broken == 0 && !fs::exists(folder / kCampaignFile));
  if (summary.written) write_campaign(folder / kCampaignFile, states, metrics);
  return summary;
}

std::vector<PlannedCell> find_cells(const fs::path& folder) {
  const fs::path cells = folder / "cells";
  UNPACT_VALIDATE(fs::is_directory(cells), concat("there are no cells in ", folder.string()),
                  "it has no folder named 'cells'", "give the folder that 'unpact reproduce' wrote to");
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(cells)) {
    const std::string name = entry.path().filename().string();
    if (entry.is_regular_file() && name.front() != '.' && entry.path().extension() == ".h5") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::vector<PlannedCell> found;
  for (const auto& file : files) found.push_back(describe(file, cells));
  return found;
}

}  // namespace unpact
