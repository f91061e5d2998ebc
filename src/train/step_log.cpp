#include "step_log.hpp"

#include "unpact/comm/memory.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

std::vector<double> numbers(const Json& entry, const char* key, const std::string& where) {
  std::vector<double> values;
  UNPACT_VALIDATE(entry.contains(key) && entry[key].is_array(), concat(where, ": '", key, "' is missing or no list"),
                  "every step has it", "the file is damaged");
  for (const auto& value : entry[key]) {
    UNPACT_VALIDATE(value.is_number(), concat(where, ": '", key, "' holds ", value.dump()), "it must hold numbers",
                    "the file is damaged");
    values.push_back(value.get<double>());
  }
  return values;
}

}  // namespace

Json to_json(const StepReport& r) {
  Json json = {{"step", r.step},
               {"total_steps", r.total_steps},
               {"loss", r.loss},
               {"terms", r.term_losses},
               {"coefficients", r.coefficients},
               {"gradient_norm", r.gradient_norm},
               {"learning_rate", r.learning_rate},
               {"targets", r.targets},
               {"tokens", r.tokens},
               {"padding", r.padding},
               {"seconds", r.seconds}};
  if (!r.term_norms.empty()) json["term_norms"] = r.term_norms;
  if (r.seconds > 0) json["tokens_per_second"] = static_cast<double>(r.tokens) / r.seconds;
  if (r.mfu > 0) json["mfu"] = r.mfu;
  if (r.peak_bytes > 0) json["peak_bytes"] = r.peak_bytes;
  return json;
}

std::vector<StepReport> reports_from_json(const Json& history, const std::string& where) {
  UNPACT_VALIDATE(history.is_array(), concat(where, ": the history is no list"), "it has an entry a step",
                  "the file is damaged");
  std::vector<StepReport> reports;
  for (const auto& entry : history) {
    UNPACT_VALIDATE(entry.is_object(), concat(where, ": a step of the history is no object"), "it has named fields",
                    "the file is damaged");
    StepReport r;
    r.step = require_integer(entry, "step", where);
    r.total_steps = require_integer(entry, "total_steps", where);
    r.loss = number_or(entry, "loss", 0, where);
    r.term_losses = numbers(entry, "terms", where);
    r.coefficients = numbers(entry, "coefficients", where);
    r.gradient_norm = number_or(entry, "gradient_norm", 0, where);
    if (entry.contains("term_norms")) r.term_norms = numbers(entry, "term_norms", where);
    r.learning_rate = number_or(entry, "learning_rate", 0, where);
    r.targets = require_integer(entry, "targets", where);
    r.tokens = integer_or(entry, "tokens", 0, where);
    r.padding = integer_or(entry, "padding", 0, where);
    r.seconds = number_or(entry, "seconds", 0, where);
    reports.push_back(std::move(r));
  }
  return reports;
}

double training_flops(const ModelConfig& c, const StepReport& report, double squared_lengths) {
  const auto head = static_cast<double>(c.vocabulary_size * c.head_width());
  double blocks = static_cast<double>(c.parameter_count()) - head * (c.tied_embeddings ? 1 : 2);
  if (c.block.positions == PositionKind::learned)
    blocks -= static_cast<double>((c.max_positions + c.block.position_offset) * c.hidden_size);
  const auto attention = static_cast<double>(c.layers * c.heads * c.head_dim);
  if (c.adapters.any()) {
    auto plain = c;
    plain.adapters = {};
    const auto adapters = static_cast<double>(c.parameter_count() - plain.parameter_count());
    return 4 * (blocks - adapters) * static_cast<double>(report.tokens) + 4 * head * static_cast<double>(report.targets) +
           6 * adapters * static_cast<double>(report.tokens) + 6 * attention * squared_lengths;
  }
  return 6 * (blocks * static_cast<double>(report.tokens) + head * static_cast<double>(report.targets) +
              attention * squared_lengths);
}

void measure_step(StepReport& report, const StepMeasures& measured) {
  report.seconds = measured.seconds;
  report.peak_bytes = static_cast<std::int64_t>(peak_memory(measured.device));
  if (measured.peak_flops > 0) report.mfu = measured.flops / (measured.seconds * measured.peak_flops);
}

StepLog::StepLog(const std::filesystem::path& path, const std::vector<StepReport>& so_far) {
  if (path.empty()) return;
  if (so_far.empty()) {
    out_.open(path, std::ios::trunc);
    if (out_.is_open()) return;  // else there is no folder yet
  }
  std::string lines;
  for (const auto& report : so_far) lines += to_json(report).dump() + "\n";
  write_file_atomically(path, lines);
  out_.open(path, std::ios::app);
}

void StepLog::write(const StepReport& report) {
  if (!out_.is_open()) return;
  out_ << to_json(report).dump() << "\n" << std::flush;
  if (!out_)
    throw RuntimeFailure("the log of the training steps cannot be written", "the disk may be full",
                         "free some space and start again");
}

}  // namespace unpact
