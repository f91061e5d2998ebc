#include "unpact/campaign/stage_shapes.hpp"

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "unpact/attribution/method.hpp"
#include "unpact/campaign/judge_model.hpp"
#include "relearning.hpp"
#include "unpact/checkpoint/checkpoint.hpp"
#include "unpact/evaluation/probe.hpp"
#include "unpact/inference/generation.hpp"
#include "unpact/kernels/blocked_attention.hpp"
#include "unpact/model/encoder_decoder.hpp"
#include "unpact/unlearn/forget_kind.hpp"

namespace unpact {

TargetInMemory target_in_memory(const Configuration& c) {
  if (c.train.shard == Shard::none) return TargetInMemory::whole;
  return asks_target(c.method) ? TargetInMemory::streamed : TargetInMemory::nothing;
}

ScoringShape scoring_shape(const Configuration& c, double bytes, std::int64_t asked, std::int64_t questions) {
  ScoringShape shape;
  shape.bytes = bytes;
  shape.models = kind_of(c.method).answers_by_two ? 2 : 1;
  shape.beside = judge_bytes(c, bytes, shape.tokens, 1);
  for (const auto need : {MetricNeeds::target_model, MetricNeeds::gradients})
    shape.held += names_metric_that(c.metric, need);
  shape.held += c.metric.depth;
  shape.held += c.unlearn.mix == MixRule::none ? 0 : 2;  // the unlearned model and the target, while a mixture is asked
  shape.held += c.model.bits == AnsweringBits::all ? 0 : shape.models;
  shape.held += asks_changed_models(c.probe) ? shape.models : 0;
  if (asked <= 0) return shape;
  constexpr auto block = kernels::kBlockPositions;
  const auto together = (asked + block - 1) / block * block * static_cast<std::int64_t>(kMostSequences);
  const auto budget = static_cast<std::int64_t>(std::min(c.generation.token_budget, std::uint64_t{1} << 60));
  shape.most_tokens = budget == 0 ? together : std::max(asked, std::min(budget, together));
  shape.tokens = std::max(asked, std::min({shape.tokens, asked * questions, shape.most_tokens}));
  shape.beside = judge_bytes(c, bytes, shape.tokens, 1);
  return shape;
}

int shards_to_ask(const Configuration& c, const ModelConfig& config, const ScoringShape& shape, int ranks, double room) {
  if (c.model.replica == Replica::sharded) refuse_encoder_decoder(config, "asked on shards");
  if (is_encoder_decoder(config)) return 1;
  if (c.model.replica != Replica::automatic) return c.model.replica == Replica::sharded ? ranks : 1;
  if (room <= 0 || !facts_of(c.attribution.method).takes_shards) return 1;
  return shape.models * scoring_bytes(config, shape.bytes, shape.tokens) + shape.beside +
                     shape.held * answering_weights(config, shape.bytes, 1) >
                 room
             ? ranks
             : 1;
}

ScoringShape cut(const Configuration& c, ScoringShape shape, int shards) {
  shape.shards = shards;
  shape.beside = judge_bytes(c, shape.bytes, shape.tokens, shards);
  return shape;
}

c10::ScalarType stored_to_train(const Configuration& c) {
  std::error_code code;
  const std::filesystem::path folder = c.model.path;
  if (folder.empty() || !std::filesystem::exists(folder / "config.json", code)) return at::kFloat;  // random weights
  return stored_dtype(folder);
}

TrainingShape unlearning_shape(const Configuration& c, const ModelConfig& config, int ranks, std::int64_t longest,
                               const c10::Device& device) {
  refuse_encoder_decoder(config, "unlearned");
  TrainingShape shape{c.unlearn_training(), ranks, longest, weights_trained_by(c.method, config), target_in_memory(c)};
  shape.options.device = device;
  shape.options.stored = stored_to_train(c);
  return shape;
}

StageMemory looking_stage(const std::vector<StageMemory>& cell) {
  StageMemory stage{"look", 0, 0};
  for (const auto& part : cell) {
    if (part.stage != kUnlearnStage && part.stage != kEvaluateStage) continue;
    stage.bytes += part.bytes;
    stage.host_bytes += part.host_bytes;
    stage.more += part.more;
  }
  return stage;
}

StageMemory relearning_stage(const Configuration& c, const ModelConfig& config, const ScoringShape& scoring, int ranks,
                             std::int64_t longest, const c10::Device& device) {
  TrainingShape shape{relearn_training(c, 1), ranks, longest, {}, TargetInMemory::nothing};
  shape.options.device = device;
  auto stage = pair_stages(config, scoring, &shape).front();
  stage.stage = kRelearnStage;
  const int beside = std::max(1, scoring.held);  // the probed model, and all that is held but the one that is trained here
  stage.bytes += beside * answering_weights(config, scoring.bytes, scoring.shards) + scoring.beside;
  if (scoring.shards > 1) stage.host_bytes += scoring.bytes * static_cast<double>(config.parameter_count());
  return stage;
}

TrainingShape finetuning_shape(const Configuration& c, int ranks, std::int64_t longest, const c10::Device& device) {
  TrainingShape shape{c.finetune_training(), ranks, longest, {}, TargetInMemory::nothing};
  shape.options.device = device;
  shape.options.stored = stored_to_train(c);
  if (c.model.path.empty()) shape.options.execution.lora_rank = 0;
  const bool is_cut_from_files = !c.model.path.empty() && c.train.shard != Shard::none;
  if (is_cut_from_files) shape.options.result.keeper = 0;
  else shape.target = TargetInMemory::whole;
  return shape;
}

}  // namespace unpact
