#include <iostream>

#include "jobs/attribute/attribution_summary.hpp"
#include "jobs/inspect/inspect_parts.hpp"
#include "unpact/campaign/summary_table.hpp"
#include "unpact/core/error.hpp"
#include "unpact/store/campaign_table.hpp"
#include "unpact/store/cell_file.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

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
}

void inspect_campaign(const fs::path& file) {
  const auto table = read_campaign_table(file);
  line("campaign", file.string());
  line("collected", table.collected);
  line("cells", concat(table.finished.size(), " finished, ", table.unfinished.size(), " missing or broken"));
  for (const auto& [id, reason] : table.unfinished) line("not finished", concat(id, ", ", reason));
  std::cout << "\n" << summary_table(table.finished);
}

}  // namespace

void inspect_results(const fs::path& file) {
  if (is_campaign_file(file)) inspect_campaign(file);
  else inspect_cell(file);
}

}  // namespace unpact
