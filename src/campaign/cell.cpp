#include "unpact/campaign/cell.hpp"

#include "model_digest.hpp"
#include "provenance.hpp"
#include "unpact/campaign/fingerprints.hpp"
#include "unpact/campaign/unlearn_inputs.hpp"
#include "unpact/campaign/unlearned_folder.hpp"
#include "unpact/checkpoint/checkpoint.hpp"
#include "unpact/checkpoint/mapped_weights.hpp"
#include "unpact/comm/fail_together.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/clock.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/json.hpp"
#include "unpact/core/progress.hpp"
#include "unpact/evaluation/evaluate_cell.hpp"
#include "unpact/evaluation/stage_meter.hpp"
#include "unpact/kernels/tf32_products.hpp"
#include "unpact/store/cell_file.hpp"
#include "unpact/store/cell_places.hpp"
#include "unpact/train/step_note.hpp"
#include "unpact/train/training_checkpoint.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

fs::path unfinished_folder(const fs::path& folder, const std::string& id) { return folder / "cells" / (id + ".unfinished"); }

/// Checkpoints of other settings stay beside it: one folder for all would refuse whatever comes second.
fs::path training_folder_of(const fs::path& folder, const std::string& id, const std::string& identity) {
  constexpr std::size_t kShortIdentity = 12;  // hex digits
  return folder / "training" / concat(id, ".", sha256_of_bytes(identity).substr(0, kShortIdentity));
}

/// The weights that a training starts from: those of the files, which the target may have rounded to answer.
Transformer start_of(const Session& session, const LanguageModel& target, TrainOptions& options) {
  const auto& config = target.transformer.config();
  if (target.transformer.weights().embedding_VD.scalar_type() == c10::ScalarType::Float) return target.transformer;
  if (options.execution.shard == Shard::none) return {config, load_weights(config, target.folder, session.device())};
  options.device = session.device();
  return {config, map_weights(config, target.folder)};
}

}  // namespace

std::string cell_id(const Configuration& c) {
  return file_safe(concat(c.model.name, "__", c.dataset.name, "__", c.method.name, "__seed", c.run.seed));
}

bool is_cell_done(const Baseline& baseline, const Configuration& c, const fs::path& folder) {
  const auto id = cell_id(c);
  const bool done = find_finished_cell(folder, id, fingerprint_of_cell(baseline, c)).has_value();
  if (done) remove_folder(unfinished_folder(folder, id));  // of a job that was killed at its very end
  return done;
}

FinishedPages pages_of_cell(const Communicator& group, const Baseline& baseline, const LanguageModel& unlearned,
                            const Configuration& c, const fs::path& folder) {
  const Json parts = {fingerprint_of_cell(baseline, c), digest_of(group, unlearned.transformer)};
  return {group, unfinished_folder(folder, cell_id(c)), sha256_of_bytes(parts.dump())};
}

CellRecord compare_with_baseline(const Session& session, const Communicator& group, const Baseline& baseline,
                                 const LanguageModel& unlearned, const Configuration& c, FinishedPages& pages) {
  auto record = start_record(session, group, baseline, c, Made::cell);
  record.questions = baseline.record.questions;
  record.target = baseline.record.target;
  record.verification = baseline.record.verification;
  record.noise_floor = baseline.record.noise_floor;
  record.provenance.baseline_fingerprint = fingerprint_of(baseline.record.provenance);
  const kernels::Tf32Products products(c.model.dtype == ModelDtype::tf32);
  evaluate_unlearned(group, unlearned, baseline.questions, c.evaluation_options(), &pages, record);
  return record;
}

void file_cell(const Communicator& group, const fs::path& folder, const CellRecord& record) {
  fail_together(group, [&] {
    if (group.is_root()) keep_other_cell(folder, record.id, fingerprint_of(record.provenance));
  });
  write_cell_file(group, cell_file(folder, record.id), record);
  if (group.is_root()) remove_failed_cell(folder, record.id);
}

CellRecord run_cell(const Session& session, const Communicator& group, const Baseline& baseline, const Configuration& c,
                    const fs::path& folder) {
  const auto started = utc_now();
  const StageMeter unlearning(group, session.device());
  const auto collectives = make_collectives(group, session.device());
  UnlearnData data;
  fail_together(
      group, [&] { data = unlearn_data(c, baseline.dataset, *baseline.target.tokenizer, baseline.target.prompt_template); });
  const auto inputs = checksums_of(baseline.dataset_checksum, baseline.target);
  data.target_fingerprint = concat(inputs.model, " ", inputs.config);
  auto options = c.unlearn_training();
  options.identity = training_identity(c, inputs);
  const auto training_folder = training_folder_of(folder, cell_id(c), options.identity);
  options.checkpoint_folder = training_folder;
  options.step_log = folder / "logs" / (cell_id(c) + ".train.jsonl");
  Progress progress(concat(c.method.name, ": unlearn"), count_steps(options, static_cast<std::int64_t>(data.forget->size())),
                    "steps");
  auto result = unlearn(start_of(session, baseline.target, options), c.method, options, data, *collectives,
                        [&](const StepReport& report) { progress.advance(1, step_note(report)); });
  progress.finish();
  const auto cost = unlearning.record("unlearn");
  auto steps = std::move(result.steps);
  auto unlearned = unlearned_model(baseline.target, std::move(result), c.method);
  fail_together(group, [&] {
    if (c.campaign.save_models && group.is_root())
      save_unlearned(folder / "models" / cell_id(c), unlearned, c, inputs.model);
  });
  unlearned.transformer = converted(unlearned.transformer, weights_dtype(c.model.dtype), session.device());
  auto pages = pages_of_cell(group, baseline, unlearned, c, folder);
  auto record = compare_with_baseline(session, group, baseline, unlearned, c, pages);
  record.training = std::move(steps);
  record.work.insert(record.work.begin(), cost);
  record.provenance.started = started;
  record.provenance.ended = utc_now();
  file_cell(group, folder, record);
  pages.remove();
  if (group.is_root()) remove_training_checkpoints(training_folder);
  return record;
}

}  // namespace unpact
