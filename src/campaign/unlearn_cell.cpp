#include "unlearn_cell.hpp"

#include <memory>
#include <optional>
#include <utility>

#include "calibrate_mix.hpp"
#include "shared_reinforced.hpp"
#include "unpact/campaign/cell.hpp"
#include "unpact/campaign/fingerprints.hpp"
#include "unpact/campaign/mapped_models.hpp"
#include "unpact/campaign/question_contributions.hpp"
#include "unpact/campaign/unlearn_inputs.hpp"
#include "unpact/campaign/unlearned_folder.hpp"
#include "unpact/comm/collectives.hpp"
#include "unpact/comm/fail_together.hpp"
#include "unpact/comm/memory.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"
#include "unpact/core/progress.hpp"
#include "unpact/evaluation/stage_meter.hpp"
#include "unpact/model/sharded_replica.hpp"
#include "unpact/train/step_note.hpp"
#include "unpact/unlearn/forget_kind.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

/// The target as the cell's training takes it: its mapped files, or whole where nothing is cut.
LanguageModel target_to_train(const Session& session, const Communicator& group, const Baseline& baseline,
                              const Configuration& c, TrainOptions& options) {
  if (c.train.shard == Shard::none) return load_mapped(session, group, baseline.target, at::kFloat);
  options.device = session.device();
  return baseline.target;
}

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

/// Whether the model that a training leaves is the cell's: no other point is chosen, and nothing is mixed.
bool is_final(const Configuration& c) { return c.unlearn.select == PointRule::last && c.unlearn.mix == MixRule::none; }

/// The model of a point, as it answers. Collective over `group`, which must outlive it.
LanguageModel open_point(const Session& session, const Communicator& group, const Baseline& baseline, const Configuration& c,
                         const fs::path& weights) {
  const auto dtype = answering_dtype(session, c, baseline.target);
  const auto& target = baseline.target;
  std::optional<LanguageModel> model;
  std::optional<WeightPieces> pieces;
  if (asks_on_shards(session, group, c, target.transformer.config(), 1, dtype))
    pieces.emplace(target.transformer.config(), group, dtype, session.device());
  fail_together(group, [&] {
    if (pieces) pieces->take_all(map_language_model(weights, target.prompt_template).model.transformer.weights());
    else model = load_language_model(weights, target.prompt_template, session.device(), dtype);
  });
  if (pieces)
    return {sharded_transformer(group, std::move(*pieces)), target.tokenizer, target.prompt_template, {}, {}, target.stored};
  return {model->transformer, target.tokenizer, target.prompt_template, {}, {}, target.stored};
}

}  // namespace

void settle(const Session& session, const Communicator& group, const Baseline& baseline, const Configuration& c,
            Trajectory* trajectory, const fs::path& folder, Unlearned& unlearned) {
  if (trajectory != nullptr) {
    unlearned.trajectory = trajectory->record();
    if (const auto weights = trajectory->chosen_folder())
      unlearned.model = open_point(session, group, baseline, c, *weights);
  }
  if (c.unlearn.mix == MixRule::calibrate) {
    const StageMeter mixing(group, session.device());
    auto calibrated = calibrate_mix(session, group, baseline, c, std::move(unlearned.model));
    unlearned.model = std::move(calibrated.model);
    unlearned.mix = std::move(calibrated.record);
    unlearned.trajectory.role = std::move(calibrated.roles);
    unlearned.work.push_back(mixing.record("mix"));
  }
  if (is_final(c) || !c.campaign.save_models) return;
  std::optional<LanguageModel> whole;
  if (is_sharded(unlearned.model.transformer)) whole = whole_on_root(group, unlearned.model);
  fail_together(group, [&] {
    if (group.is_root())
      save_unlearned(folder / "models" / cell_id(c), whole ? *whole : unlearned.model, c,
                     checksums_of(baseline.dataset_checksum, baseline.target).model);
  });
}

Unlearned unlearn_cell(const Session& session, const Communicator& group, const Baseline& baseline, const Configuration& c,
                       TrainOptions options, const fs::path& folder, Claims* claims, Trajectory* trajectory) {
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
  if (trajectory != nullptr) options.points = trajectory->points(options, static_cast<std::int64_t>(data.forget->size()));
  options.result.before = [&] {
    work.push_back(meter->record("unlearn"));
    give_memory_back(session.device());
    meter.emplace(group, session.device());
  };
  options.result.dtype = answering_dtype(session, c, baseline.target);
  const auto pieces = pieces_of_result(session, group, baseline, c, options.result);
  Weights exact;
  const bool saves = c.campaign.save_models && is_final(c);
  const bool is_rounded = saves && options.result.dtype != at::kFloat && options.result.dtype != baseline.target.stored;
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
  if (pieces && saves && !saved) saved = whole_on_root(group, model);
  fail_together(group, [&] {
    if (saves && group.is_root()) save_unlearned(folder / "models" / cell_id(c), saved ? *saved : model, c, inputs.model);
  });
  return {std::move(model), std::move(steps), std::move(work)};
}

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
    if (c.campaign.save_models && is_final(c) && group.is_root())
      save_unlearned(folder / "models" / cell_id(c),
                     unlearned_model(target, subtract(at::kCPU, at::kFloat, nullptr), c.method), c,
                     target.checksums.weights);
  });
  return {std::move(model), std::move(last.steps), std::move(last.work)};
}

}  // namespace unpact
