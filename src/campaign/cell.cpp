#include "unpact/campaign/cell.hpp"

#include <optional>

#include "model_digest.hpp"
#include "provenance.hpp"
#include "retrained_results.hpp"
#include "sequence.hpp"
#include "shared_reinforced.hpp"
#include "weight_metrics.hpp"
#include "unpact/campaign/fingerprints.hpp"
#include "unpact/campaign/judge_model.hpp"
#include "unpact/campaign/mapped_models.hpp"
#include "unpact/campaign/question_contributions.hpp"
#include "unpact/campaign/unlearn_inputs.hpp"
#include "unpact/campaign/unlearned_folder.hpp"
#include "weight_probes.hpp"
#include "unpact/comm/fail_together.hpp"
#include "unpact/comm/memory.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/clock.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/json.hpp"
#include "unpact/core/log.hpp"
#include "unpact/core/progress.hpp"
#include "unpact/evaluation/evaluate_cell.hpp"
#include "unpact/evaluation/measure_metrics.hpp"
#include "unpact/evaluation/stage_meter.hpp"
#include "unpact/kernels/tf32_products.hpp"
#include "unpact/store/cell_file.hpp"
#include "unpact/store/cell_places.hpp"
#include "unpact/train/step_note.hpp"
#include "unpact/train/training_checkpoint.hpp"
#include "unpact/unlearn/forget_kind.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

fs::path unfinished_folder(const fs::path& folder, const std::string& id) { return folder / "cells" / (id + ".unfinished"); }

/// Checkpoints of other settings stay beside it: one folder for all would refuse whatever comes second.
fs::path training_folder_of(const fs::path& folder, const std::string& id, const std::string& identity) {
  constexpr std::size_t kShortIdentity = 12;  // hex digits
  return folder / "training" / concat(id, ".", sha256_of_bytes(identity).substr(0, kShortIdentity));
}

}  // namespace

std::string cell_id(const Configuration& c) {
  return file_safe(concat(c.model.name, "__", c.dataset.name, "__", c.method.name, "__seed", c.run.seed));
}

std::string pair_id(const Configuration& c) { return file_safe(concat(c.model.name, "__", c.dataset.name)); }

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

namespace {

/// A loss on texts sees no question, though some text may hold its answer.
void hold_all_out(CellRecord& record) {
  for (std::size_t q = 0; q < record.questions.split.size(); ++q)
    if (record.questions.split[q] == static_cast<std::uint8_t>(Split::retain))
      record.questions.half[q] = static_cast<std::uint8_t>(Half::held_out);
  record.halves =
      "one half: unlearn.form = texts, so no retain question was trained on; texts with its answer may have been";
}

}  // namespace

CellRecord compare_with_baseline(const Session& session, const Communicator& group, const Baseline& baseline,
                                 const LanguageModel& unlearned, const Configuration& c, FinishedPages& pages) {
  auto record = start_record(session, group, baseline, c, Made::cell);
  record.questions = baseline.record.questions;
  record.target = baseline.record.target;
  record.verification = baseline.record.verification;
  record.judges = baseline.record.judges;
  record.judge_check = baseline.record.judge_check;
  record.arms = baseline.record.arms;
  record.curves = baseline.record.curves;
  record.depth = baseline.record.depth;
  record.noise_floor = baseline.record.noise_floor;
  if (c.unlearn.form == ExampleForm::texts) hold_all_out(record);
  record.provenance.baseline_fingerprint = fingerprint_of(baseline.record.provenance);
  const kernels::Tf32Products products(c.model.dtype == ModelDtype::tf32);
  const auto options = open_judge(session, group, c, baseline.judge);
  const auto identity = sha256_of_bytes(concat(fingerprint_of(record.provenance), digest_of(group, unlearned.transformer)));
  const auto table = weight_probe_table(
      {session, c, baseline.dataset, identity, training_folder_of(c.run.output, concat(record.id, ".probes"), identity)});
  evaluate_unlearned(group, unlearned, baseline.questions, options, &pages, record, table);
  record.metrics = baseline.record.metrics;
  const auto retrained = read_retrained(group, c.metric);
  std::optional<LanguageModel> target;
  if (names_metric_that(c.metric, MetricNeeds::target_model) || c.metric.depth)
    target = open_rounded(session, group, c, baseline.target, answering_dtype(session, c, baseline.target));
  measure_unlearned(group, unlearned, {baseline.dataset, baseline.questions, options}, &pages,
                    retrained ? &*retrained : nullptr, record, target ? &*target : nullptr);
  measure_weights(group, baseline, unlearned, c, target ? &*target : nullptr, &pages, record);
  return record;
}

void file_cell(const Communicator& group, const fs::path& folder, const CellRecord& record) {
  fail_together(group, [&] {
    if (group.is_root()) keep_other_cell(folder, record.id, fingerprint_of(record.provenance));
  });
  write_cell_file(group, cell_file(folder, record.id), record);
  if (group.is_root()) remove_failed_cell(folder, record.id);
}

namespace {

/// The target as the cell's training takes it: its mapped files, or whole where nothing is cut.
LanguageModel target_to_train(const Session& session, const Communicator& group, const Baseline& baseline,
                              const Configuration& c, TrainOptions& options) {
  if (c.train.shard == Shard::none) return load_mapped(session, group, baseline.target, at::kFloat);
  options.device = session.device();
  return baseline.target;
}

/// What the unlearning of a cell leaves behind.
struct Unlearned {
  LanguageModel model;  ///< that answers, on every rank or on shards
  std::vector<StepReport> steps;
  std::vector<WorkRecord> work;
};

/// A result's weights before they were rounded, as a model. @param rounded the result of the same unlearning.
LanguageModel exact_model(const LanguageModel& target, const Weights& exact, const UnlearnResult& rounded,
                          const MethodOptions& method) {
  if (!rounded.reinforced) return unlearned_model(target, {exact, {}}, method);
  return unlearned_model(target, {target.transformer.weights(), {}, exact}, method);
}

/// Where the result of a training goes whose model is asked on shards, unit by unit; null: it is put together whole.
/// Collective over `group`.
std::shared_ptr<WeightPieces> pieces_of_result(const Session& session, const Communicator& group, const Baseline& baseline,
                                               const Configuration& c, ResultOptions& result) {
  const auto& config = baseline.target.transformer.config();
  const int models = kind_of(c.method).answers_by_two ? 2 : 1;
  if (!asks_on_shards(session, group, c, config, models, result.dtype)) return nullptr;
  log::info(concat("The unlearned model is asked on shards of ", group.size(),
                   " rank(s): every pass gathers its weights, and generation is slower"));
  auto pieces = std::make_shared<WeightPieces>(config, group, result.dtype, session.device());
  result.take_unit = [pieces](Weights& weights, std::size_t unit) { pieces->take(weights, unit); };
  return pieces;
}

/// unlearned_model() of such a result. Collective over `group`.
LanguageModel unlearned_on_shards(const Session& session, const Communicator& group, const LanguageModel& target,
                                  WeightPieces& pieces, bool is_reinforced, const MethodOptions& method) {
  auto model = is_reinforced ? sharded_transformer(group, cut_mapped(session, group, target.transformer, pieces.dtype()),
                                                   std::move(pieces), method.scale)
                             : sharded_transformer(group, std::move(pieces));
  return {std::move(model), target.tokenizer, target.prompt_template, {}, {}, target.stored};
}

/// A sharded model in the root's host memory; nothing elsewhere. Collective over `group`.
std::optional<LanguageModel> whole_on_root(const Communicator& group, const LanguageModel& model) {
  const auto& sharded = model.transformer;
  auto weights = weights_on_host(sharded, group.is_root());
  Weights second;
  if (sharded.reinforced() != nullptr) second = weights_on_host(sharded, group.is_root(), true);
  if (!group.is_root()) return std::nullopt;
  LanguageModel whole{Transformer(sharded.config(), std::move(weights)), model.tokenizer, model.prompt_template, {}};
  whole.stored = model.stored;
  if (sharded.reinforced() != nullptr)
    whole.transformer.contrast_with(std::make_shared<const Transformer>(sharded.config(), std::move(second)),
                                    sharded.contrast_scale());
  return whole;
}

/// What the cell's weights and phrasings are made of; the stage is recorded where there is one. Collective over `group`.
TrainedContributions contributions_of_cell(const Session& session, const Communicator& group, const Baseline& baseline,
                                           const Configuration& c, const fs::path& folder, Claims* claims,
                                           std::vector<WorkRecord>& work) {
  if (!needs_contributions(c)) return {};
  const StageMeter meter(group, session.device());
  const Session own(session, group);
  auto found = contributions_to_train(own, c, baseline.dataset, baseline.target, folder / "baselines", claims);
  work.push_back(meter.record(kContributionsStage));
  return found;
}

/// Trains, puts whole weights together, each measured, and saves them where that is asked for. Collective over `group`.
Unlearned unlearn_cell(const Session& session, const Communicator& group, const Baseline& baseline, const Configuration& c,
                       TrainOptions options, const fs::path& folder, Claims* claims) {
  std::vector<WorkRecord> work;
  const auto contributions = contributions_of_cell(session, group, baseline, c, folder, claims, work);
  std::optional<StageMeter> meter(std::in_place, group, session.device());
  const auto collectives = make_collectives(group, session.device());
  UnlearnData data;
  fail_together(group, [&] {
    const auto& target = baseline.target;
    data = unlearn_data(c, baseline.dataset, *target.tokenizer, target.prompt_template,
                        context_limit(c, target.transformer.config()), &contributions);
    if (group.is_root() && c.method.weighting == WeightingKind::attribution)
      write_file_atomically(folder / "logs" / (cell_id(c) + ".weights.jsonl"), lines_of_weights(data));
  });
  const auto inputs = checksums_of(baseline.dataset_checksum, baseline.target);
  data.target_fingerprint = concat(inputs.model, " ", inputs.config);
  options.result.before = [&] {
    work.push_back(meter->record("unlearn"));
    give_memory_back(session.device());
    meter.emplace(group, session.device());
  };
  options.result.dtype = answering_dtype(session, c, baseline.target);
  const auto pieces = pieces_of_result(session, group, baseline, c, options.result);
  Weights exact;
  const bool is_rounded =
      c.campaign.save_models && options.result.dtype != at::kFloat && options.result.dtype != baseline.target.stored;
  if (is_rounded) options.result.exact = &exact;
  const auto target = target_to_train(session, group, baseline, c, options);
  Progress progress(concat(c.method.name, ": unlearn"), count_steps(options, static_cast<std::int64_t>(data.forget->size())),
                    "steps");
  auto result = unlearn(target.transformer, c.method, options, data, *collectives,
                        [&](const StepReport& report) { progress.advance(1, step_note(report)); });
  progress.finish();
  work.push_back(meter->record("reshard"));
  fail_together(group, [&] { session.loads().require_unchanged(); });  // the files that it was trained from
  auto steps = std::move(result.steps);
  std::optional<LanguageModel> saved;
  if (is_rounded && group.is_root()) saved = exact_model(baseline.target, exact, result, c.method);
  auto model = pieces
                   ? unlearned_on_shards(session, group, baseline.target, *pieces, result.reinforced.has_value(), c.method)
                   : unlearned_model(baseline.target, std::move(result), c.method);
  if (pieces && c.campaign.save_models && !saved) saved = whole_on_root(group, model);
  fail_together(group, [&] {
    if (c.campaign.save_models && group.is_root())
      save_unlearned(folder / "models" / cell_id(c), saved ? *saved : model, c, inputs.model);
  });
  return {std::move(model), std::move(steps), std::move(work)};
}

/// The same of a task vector whose reinforced model cells of other scales have in common. Collective over `group`.
Unlearned unlearn_from_reinforced(const Session& session, const Communicator& group, const Baseline& baseline,
                                  const Configuration& c, const fs::path& folder, Claims* claims) {
  auto last = reinforced_once(session, group, baseline, c, folder, claims);
  const StageMeter meter(group, session.device());
  const auto& target = baseline.target;
  ResultOptions result;
  result.dtype = answering_dtype(session, c, target);
  const auto pieces = pieces_of_result(session, group, baseline, c, result);
  const auto subtract = [&](const c10::Device& device, c10::ScalarType dtype, WeightPieces* into) {
    return UnlearnResult{
        subtract_reinforced(target.transformer, last.model.transformer, c.method.scale, device, dtype, into), {}, {}};
  };
  auto changed = subtract(session.device(), result.dtype, pieces.get());
  auto model = pieces ? unlearned_on_shards(session, group, target, *pieces, false, c.method)
                      : unlearned_model(target, std::move(changed), c.method);
  last.work.push_back(meter.record("reshard"));
  fail_together(group, [&] {
    session.loads().require_unchanged();  // the files that it was made of
    if (c.campaign.save_models && group.is_root())
      save_unlearned(folder / "models" / cell_id(c),
                     unlearned_model(target, subtract(at::kCPU, at::kFloat, nullptr), c.method), c,
                     target.checksums.weights);
  });
  return {std::move(model), std::move(last.steps), std::move(last.work)};
}

/// The same of sets that are forgotten one after the other.
Unlearned unlearn_in_sequence(const Session& session, const Communicator& group, const Baseline& baseline,
                              const Configuration& c, const fs::path& folder, Claims* claims) {
  auto last = unlearn_sequence(session, group, baseline, c, folder, claims);
  return {open_to_answer(session, group, c, last.model, answering_dtype(session, c, baseline.target)), std::move(last.steps),
          std::move(last.work)};
}

}  // namespace

CellRecord run_cell(const Session& session, const Communicator& group, const Baseline& baseline, const Configuration& c,
                    const fs::path& folder, Claims* claims) {
  const auto started = utc_now();
  auto options = c.unlearn_training();
  options.identity = training_identity(c, checksums_of(baseline.dataset_checksum, baseline.target));
  const auto training_folder = training_folder_of(folder, cell_id(c), options.identity);
  options.checkpoint_folder = training_folder;
  options.step_log = folder / "logs" / (cell_id(c) + ".train.jsonl");
  auto unlearned = shares_reinforced(c.method)     ? unlearn_from_reinforced(session, group, baseline, c, folder, claims)
                   : c.unlearn.forget_sets.empty() ? unlearn_cell(session, group, baseline, c, options, folder, claims)
                                                   : unlearn_in_sequence(session, group, baseline, c, folder, claims);
  give_memory_back(session.device());
  auto pages = pages_of_cell(group, baseline, unlearned.model, c, folder);
  auto record = compare_with_baseline(session, group, baseline, unlearned.model, c, pages);
  record.training = std::move(unlearned.steps);
  record.work.insert(record.work.begin(), unlearned.work.begin(), unlearned.work.end());
  record.provenance.started = started;
  record.provenance.ended = utc_now();
  const StageMeter filing(group, session.device());
  file_cell(group, folder, record);
  filing.record("file");
  pages.remove();
  if (group.is_root()) remove_training_checkpoints(training_folder);
  return record;
}

}  // namespace unpact
