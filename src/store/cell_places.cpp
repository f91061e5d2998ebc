#include "unpact/store/cell_places.hpp"

#include <cstring>

#include "cell_scan.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/json.hpp"
#include "unpact/core/log.hpp"
#include "unpact/store/cell_file.hpp"
#include "unpact/store/cell_glance.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

constexpr const char* kPlanSchema = "unpact-plan";
constexpr std::uintmax_t kMaxPlanBytes = 1 << 28, kMaxFailureBytes = 1 << 20;

fs::path plan_file(const fs::path& folder) { return folder / "plan.json"; }
fs::path failure_file(const fs::path& folder, const std::string& id) { return folder / "cells" / (id + ".failed.json"); }

std::string text_of(const Json& json) { return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n"; }

PlannedCell planned_cell(const Json& json, const fs::path& folder, const std::string& where) {
  PlannedCell cell{require_string(json, "id", where),          require_string(json, "model", where),
                   require_string(json, "dataset", where),     require_string(json, "method", where),
                   require_integer(json, "seed", where),       {},
                   require_string(json, "fingerprint", where), string_or(json, "note", "", where),
                   string_or(json, "pair", "", where),         bool_or(json, "makes_target", false, where),
                   string_or(json, "settings", "", where),     string_or(json, "baseline", "", where)};
  cell.file = cell_file(folder, cell.id);
  return cell;
}

PlannedStage planned_stage(const Json& json, const std::string& where) {
  PlannedStage stage;
  stage.stage = require_string(json, "stage", where);
  stage.operations = number_or(json, "operations", 0, where);
  stage.low = number_or(json, "operations_low", 0, where);
  stage.high = number_or(json, "operations_high", 0, where);
  stage.bytes = number_or(json, "bytes", 0, where);
  stage.host_bytes = number_or(json, "host_bytes", 0, where);
  stage.seconds = number_or(json, "gpu_seconds", 0, where);
  return stage;
}

}  // namespace

Json stages_json(const PlannedStages& stages) {
  Json list = Json::array();
  for (const auto& stage : stages)
    list.push_back({{"stage", stage.stage},
                    {"operations", stage.operations},
                    {"operations_low", stage.low},
                    {"operations_high", stage.high},
                    {"gpu_seconds", stage.seconds},
                    {"bytes", stage.bytes},
                    {"host_bytes", stage.host_bytes}});
  return list;
}

fs::path cell_file(const fs::path& folder, const std::string& id) { return folder / "cells" / (id + ".h5"); }

void write_plan(const fs::path& folder, const std::vector<PlannedCell>& cells, const PlannedCosts& costs) {
  Json list = Json::array();
  for (const auto& cell : cells)
    list.push_back({{"id", cell.id},
                    {"model", cell.model},
                    {"dataset", cell.dataset},
                    {"method", cell.method},
                    {"seed", cell.seed},
                    {"fingerprint", cell.fingerprint},
                    {"note", cell.note},
                    {"pair", cell.pair},
                    {"makes_target", cell.makes_target},
                    {"settings", cell.settings},
                    {"baseline", cell.baseline}});
  Json planned = Json::object();
  for (const auto& [id, stages] : costs) planned[id] = stages_json(stages);
  write_file_atomically(plan_file(folder), text_of({{"schema_name", kPlanSchema}, {"cells", list}, {"costs", planned}}));
}

std::vector<PlannedCell> plans_united(const std::vector<PlannedCell>& own, const std::vector<PlannedCell>& before) {
  std::map<std::string, std::size_t> places;
  std::map<std::string, std::string> settings;  // of this job's pairs
  for (std::size_t i = 0; i < own.size(); ++i) {
    places[own[i].id] = i;
    settings[own[i].pair] = own[i].settings;
  }
  auto all = own;
  for (const auto& cell : before) {
    const auto pair = settings.find(cell.pair);
    const bool alike = pair != settings.end() && pair->second == cell.settings;
    if (const auto place = places.find(cell.id); place != places.end()) {
      auto& mine = all[place->second];
      if (!alike || !mine.fingerprint.empty() || !mine.note.empty()) continue;
      mine.fingerprint = cell.fingerprint;
      mine.baseline = cell.baseline;
    } else if (!cell.settings.empty() && (alike || pair == settings.end())) {
      all.push_back(cell);
    }
  }
  return all;
}

std::optional<std::vector<PlannedCell>> read_plan(const fs::path& folder) {
  const auto file = plan_file(folder);
  std::error_code code;
  if (!fs::exists(file, code)) return std::nullopt;
  const auto where = file.string();
  const auto json = parse_json(read_file(file, kMaxPlanBytes), where, 8);
  const bool readable = json.is_object() && json.contains("cells") && json["cells"].is_array();
  UNPACT_VALIDATE(readable, concat("cannot use the plan ", where), "it holds no list of cells",
                  "start the campaign again, or remove the file to collect whatever lies in the folder");
  std::vector<PlannedCell> cells;
  for (const auto& cell : json["cells"]) cells.push_back(planned_cell(cell, folder, where));
  return cells;
}

PlannedCosts read_planned_costs(const fs::path& folder) {
  const auto file = plan_file(folder);
  std::error_code code;
  if (!fs::exists(file, code)) return {};
  PlannedCosts costs;
  try {
    const auto where = file.string();
    const auto json = parse_json(read_file(file, kMaxPlanBytes), where, 8);
    if (!json.is_object() || !json.contains("costs") || !json["costs"].is_object()) return {};
    for (const auto& [id, stages] : json["costs"].items())
      for (const auto& stage : stages) costs[id].push_back(planned_stage(stage, where));
  } catch (const std::exception& error) {
    log::detail(concat("no costs can be read from ", file.string(), ": ", error.what()));
  }
  return costs;
}

std::optional<fs::path> find_finished_cell(const fs::path& folder, const std::string& id, const std::string& fingerprint) {
  if (fingerprint.empty()) return std::nullopt;
  for (const auto& file : places_of_cell(folder, id, fingerprint))
    if (is_finished_cell(file, fingerprint)) return file;
  return std::nullopt;
}

std::optional<fs::path> find_baseline(const fs::path& folder, const std::string& fingerprint, const std::string& pair) {
  const auto own = folder / "baselines" / (pair + ".h5");
  if (!pair.empty() && is_finished_cell(own, fingerprint)) return own;
  for (const auto& file : results_below(folder / "baselines"))
    if (is_finished_cell(file, fingerprint)) return file;
  return std::nullopt;
}

namespace {

/// Moves an intact results file of another fingerprint to where `place` says. @return that place.
template <class Place>
std::optional<fs::path> keep_other(const fs::path& file, const std::string& fingerprint, const Place& place) {
  std::error_code code;
  if (!fs::exists(file, code)) return std::nullopt;
  const auto found = describe_cell(file);
  if (!found.finding.empty() || found.cell.fingerprint == fingerprint) return std::nullopt;
  const fs::path kept = place(found.cell.fingerprint);
  fs::create_directories(kept.parent_path(), code);
  if (!code) fs::rename(file, kept, code);
  if (code)
    throw RuntimeFailure(concat("cannot move ", file.string(), " to ", kept.string()), code.message(),
                         "it holds results of other settings, which are not overwritten: make room for the new ones");
  sync_to_disk(kept.parent_path());
  sync_to_disk(file.parent_path());
  log::info(concat("Results of other settings were kept as ", kept.string()));
  return kept;
}

}  // namespace

void keep_other_baseline(const fs::path& file, const std::string& fingerprint) {
  keep_other(file, fingerprint, [&](const std::string& of_file) {
    return file.parent_path() / with_fingerprint(file.stem().string(), of_file);
  });
}

std::optional<fs::path> keep_other_cell(const fs::path& folder, const std::string& id, const std::string& fingerprint) {
  return keep_other(cell_file(folder, id), fingerprint,
                    [&](const std::string& of_file) { return other_cell_file(folder, id, of_file); });
}

namespace {

fs::path pair_failure_file(const fs::path& folder, const std::string& pair) {
  return folder / "baselines" / (pair + ".failed.json");
}

void write_failure(const fs::path& file, const FailedCell& failed) {
  write_file_atomically(file, text_of({{"cell_id", failed.id},
                                       {"fingerprint", failed.fingerprint},
                                       {"problem", failed.problem},
                                       {"reason", failed.reason},
                                       {"hint", failed.hint},
                                       {"when", failed.when},
                                       {"run", failed.run},
                                       {"where", failed.where}}));
}

/// Nothing: there is none, or it cannot be used.
std::optional<FailedCell> read_failure(const fs::path& file, const std::string& id) {
  std::error_code code;
  if (!fs::exists(file, code)) return std::nullopt;
  try {
    const auto where = file.string();
    const auto json = parse_json(read_file(file, kMaxFailureBytes), where, 4);
    return FailedCell{id,
                      require_string(json, "fingerprint", where),
                      require_string(json, "problem", where),
                      string_or(json, "reason", "", where),
                      string_or(json, "hint", "", where),
                      string_or(json, "when", "", where),
                      string_or(json, "where", "", where),
                      string_or(json, "run", "", where)};
  } catch (const UserError& error) {
    log::detail(concat("no failure can be read from ", file.string(), ": ", error.what()));
    return std::nullopt;
  }
}

}  // namespace

void write_failed_pair(const fs::path& folder, const FailedCell& failed) {
  write_failure(pair_failure_file(folder, failed.id), failed);
}

std::optional<FailedCell> find_failed_pair(const fs::path& folder, const std::string& pair) {
  return read_failure(pair_failure_file(folder, pair), pair);
}

void remove_failed_pair(const fs::path& folder, const std::string& pair) {
  std::error_code code;
  fs::remove(pair_failure_file(folder, pair), code);
}

void write_failed_cell(const fs::path& folder, const FailedCell& failed) {
  write_failure(failure_file(folder, failed.id), failed);
}

std::optional<FailedCell> find_failed_cell(const fs::path& folder, const std::string& id, const std::string& fingerprint) {
  if (fingerprint.empty()) return std::nullopt;
  auto found = read_failure(failure_file(folder, id), id);
  return found && found->fingerprint == fingerprint ? found : std::nullopt;
}

void remove_failed_cell(const fs::path& folder, const std::string& id) {
  std::error_code code;
  fs::remove(failure_file(folder, id), code);
}

}  // namespace unpact
