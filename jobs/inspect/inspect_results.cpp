#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iostream>
#include <thread>

#include "jobs/ask/token_strip.hpp"
#include "jobs/attribute/attribution_summary.hpp"
#include "jobs/inspect/inspect_parts.hpp"
#include "unpact/campaign/results_reader.hpp"
#include "unpact/campaign/summary_table.hpp"
#include "unpact/core/clock.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/progress.hpp"
#include "unpact/core/stop.hpp"
#include "unpact/store/campaign_table.hpp"
#include "unpact/store/cell_file.hpp"
#include "unpact/store/cell_places.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

/// "1.2e+15 operations"; what was not measured is no number.
std::string numbers(double value, const char* unit) {
  return std::isnan(value) ? concat("unknown ", unit) : concat(value, " ", unit);
}

/// What a stage took, beside what was planned for it: operations within or outside of what is possible, memory of a rank.
void print_work(const CellRecord& record, const PlannedCosts& costs) {
  const auto planned = costs.find(record.id);
  for (const auto& work : record.work) {
    line(concat("stage ", work.stage), concat(format_duration(work.seconds), ", ", numbers(work.operations, "operations"),
                                              ", ", numbers(work.peak_memory / 1e9, "GB")));
    if (planned == costs.end()) continue;
    const auto stage = std::ranges::find(planned->second, work.stage, &PlannedStage::stage);
    if (stage == planned->second.end()) continue;
    const auto between = stage->low == stage->high ? "" : concat(" (", stage->low, " to ", stage->high, ")");
    line("  planned", concat(numbers(stage->operations, "operations"), between, ", ", numbers(stage->bytes / 1e9, "GB")));
  }
}

/// A results file lies in FOLDER/cells, FOLDER/baselines or FOLDER/other, the plan in FOLDER.
fs::path campaign_of(const fs::path& file) { return fs::absolute(file).parent_path().parent_path(); }

void inspect_cell(const fs::path& file) {
  const auto record = read_cell_file(file);
  line("cell", record.id);
  line("made",
       concat(record.provenance.started, " to ", record.provenance.ended, ", ", record.provenance.world_size, " rank(s)"));
  line("judge", record.judge);
  line("KeyTokens",
       concat("alpha ", record.alpha, ", beta ", record.beta, ", noise floor ", record.noise_floor, " nats/token"));
  line("computed in", record.compute_dtype);
  for (const auto& [name, text] : attribution_summary(record)) line(name, text);
  line("questions", concat(record.questions.question.size()));
  for (const auto& rate : record.rates)
    line(rate.name, concat(rate.count, "/", rate.total, " = ", rate.value, "  [", rate.low, ", ", rate.high, "]"));
  print_work(record, read_planned_costs(campaign_of(file)));
}

/// Of every cell that can be read, for it says nothing that decides a result.
void print_work_of_cells(const CampaignTable& table, const fs::path& folder) {
  const auto costs = read_planned_costs(folder);
  for (const auto& cell : table.finished) {
    const auto file = cell_file(folder, cell.id);
    std::error_code code;
    if (costs.count(cell.id) == 0 || !fs::exists(file, code)) continue;
    std::cout << "\n";
    line("cell", cell.id);
    print_work(read_cell_file(file), costs);
  }
}

void inspect_campaign(const fs::path& file) {
  const auto table = read_campaign_table(file);
  line("campaign", file.string());
  line("collected", table.collected);
  line("cells", concat(table.finished.size(), " finished, ", table.unfinished.size(), " missing or broken"));
  for (const auto& [id, reason] : table.unfinished) line("not finished", concat(id, ", ", reason));
  std::cout << "\n" << summary_table(table.finished);
  print_work_of_cells(table, fs::absolute(file).parent_path());
}

/// Waits in small steps: a signal that asks to stop ends it. @return whether to go on.
bool wait(double seconds) {
  const Stopwatch clock;
  while (clock.seconds() < seconds && !stop_wanted())
    std::this_thread::sleep_for(std::chrono::duration<double>(std::min(0.2, seconds)));
  return !stop_wanted();
}

/// In place on a terminal, one look below the other elsewhere.
void inspect_folder(const fs::path& folder, double watch) {
  ResultsReader reader(folder);
  const bool in_place = watch > 0 && isatty(STDOUT_FILENO) != 0;
  while (true) {
    const auto look = reader.read();
    std::cout << (in_place ? "\033[H\033[2J" : "") << look.text({.colours = stdout_wants_colour()}) << std::flush;
    if (watch <= 0 || look.is_settled || !std::cout || !wait(watch)) return;
  }
}

}  // namespace

void inspect_results(const fs::path& path, double watch) {
  std::error_code code;
  const bool is_folder = fs::is_directory(path, code);
  UNPACT_VALIDATE(watch == 0 || is_folder, concat("cannot watch ", path.string()), "it is no campaign's folder",
                  "give the folder that 'unpact reproduce' writes to, or leave --watch out");
  if (is_folder) inspect_folder(path, watch);
  else if (is_campaign_file(path)) inspect_campaign(path);
  else inspect_cell(path);
}

}  // namespace unpact
