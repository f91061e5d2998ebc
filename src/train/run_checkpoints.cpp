#include "run_checkpoints.hpp"

#include <algorithm>
#include <charconv>

#include "step_log.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"
#include "unpact/core/stop.hpp"

namespace unpact {
namespace {

/// The shortest text that reads back as the same number.
std::string exact(double value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

/// Options that decide numbers, the last bits included.
std::string text_of(const TrainOptions& o) {
  const auto& e = o.execution;
  std::string adapters;
  if (e.lora_rank > 0) adapters = concat("|lora ", e.lora_rank, " ", exact(e.lora_alpha), " ", e.lora_targets);
  return concat(o.epochs, "|", o.batch_size, "|", name_of_value(o.step_rule), "|", o.micro_batch, "|",
                exact(o.learning_rate), "|", name_of_value(o.schedule), "|", o.warmup_steps, "|", exact(o.clip_norm), "|",
                exact(o.adamw.beta1), "|", exact(o.adamw.beta2), "|", exact(o.adamw.epsilon), "|",
                exact(o.adamw.weight_decay), "|", o.seed, "|", o.shuffle, "|", name_of_value(e.dtype), "|",
                name_of_value(e.master_weights), "|", e.packing, o.clip == ClipRule::sum ? "" : "|terms", adapters);
}

}  // namespace

RunCheckpoints::RunCheckpoints(const Run& run) : run_(run) {
  const auto pieces = run.weights.pieces();
  if (run.options.checkpoint_folder.empty() || pieces.empty()) return;
  checkpoints_ =
      std::make_unique<TrainingCheckpoints>(run.options.checkpoint_folder, fingerprint(), pieces, run.group,
                                            run.weights.gradients().device(), run.options.execution.checkpoint_keep);
}

/// Everything that decides the run's numbers but the number of ranks, which may change.
std::string RunCheckpoints::fingerprint() const {
  auto text = concat(run_.options.identity, "|", run_.total_steps, "|", text_of(run_.options));
  for (const auto& weighted : run_.terms)
    text += concat("|", weighted.term->name(), " ", exact(weighted.coefficient), " ", weighted.term->example_count(), " ",
                   static_cast<int>(weighted.sampling), " ", static_cast<bool>(weighted.rule));
  for (const auto& piece : run_.weights.pieces()) text += concat("|", piece.unit, " ", piece.unit_size);
  return sha256_of_bytes(text);
}

TrainingState RunCheckpoints::state(std::int64_t step) const {
  return {run_.weights.values(), run_.optimizer.first_moment(), run_.optimizer.second_moment(), step, run_.coefficients, {}};
}

std::vector<StepReport> RunCheckpoints::resume() {
  if (!checkpoints_) return {};
  const auto& folder = run_.options.checkpoint_folder;
  auto found = state(0);
  if (!checkpoints_->load(found)) return {};
  auto reports = reports_from_json(found.history, folder);
  UNPACT_VALIDATE(
      found.coefficients.size() == run_.coefficients.size() && static_cast<std::int64_t>(reports.size()) == found.step,
      concat("the checkpoint of step ", found.step, " in ", folder, " contradicts itself"),
      "coefficients or history are not complete", "remove that folder to start anew");
  run_.weights.values_were_read();
  run_.optimizer.set_steps(found.step);
  run_.coefficients = found.coefficients;
  if (run_.group.rank() == 0) log::info(concat("Continuing after step ", found.step, " of ", run_.total_steps));
  return reports;
}

/// Time is kept for the last step and the last checkpoint, with room for a slow disk.
bool RunCheckpoints::stop_wanted(double step_seconds) const {
  if (!checkpoints_) return false;
  constexpr double kBytesPerSecond = 1e8;
  const double expected = 3.0 * static_cast<double>(run_.weights.values().nbytes()) / kBytesPerSecond;
  return unpact::stop_wanted(30 + 2 * step_seconds + 1.5 * std::max(checkpoints_->save_seconds(), expected));
}

bool RunCheckpoints::save_wanted() const {
  const double minutes = run_.options.execution.checkpoint_minutes;
  return checkpoints_ && run_.group.rank() == 0 && minutes > 0 && since_save_.seconds() >= 60 * minutes;
}

void RunCheckpoints::keep_safe(const std::vector<StepReport>& reports, StepWishes wishes) {
  if (!checkpoints_) return;
  checkpoints_->poll();
  const auto done = static_cast<std::int64_t>(reports.size()), every = run_.options.execution.checkpoint_every;
  const bool due = wishes.save || (every > 0 && done % every == 0);
  if ((!due && !wishes.stop) || done == run_.total_steps) return;
  auto now = state(done);
  now.history = Json::array();
  for (const auto& report : reports) now.history.push_back(to_json(report));
  checkpoints_->start_save(now);
  since_save_ = Stopwatch();
  if (!wishes.stop) return;
  checkpoints_->finish();
  note_progress();
  throw StoppedAtCheckpoint(concat("stopped after step ", done, " of ", run_.total_steps),
                            "the run was asked to, or its time is nearly over",
                            "start the same command again: it continues from there");
}

void RunCheckpoints::finish() {
  if (checkpoints_) checkpoints_->finish();
}

}  // namespace unpact
