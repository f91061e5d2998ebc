#include "unpact/train/stage_memory.hpp"

#include <algorithm>

#include "model_sizes.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

StageMemory training_stage(const char* name, const ModelConfig& config, const TrainingShape& training) {
  const auto selected = training.selected ? training.selected : [](const std::string&) { return true; };
  const auto plan = plan_memory(config, selected, training.ranks, training.options, training.longest, training.target);
  StageMemory stage{name, plan.total(), plan.host_total()};
  // The rank that writes the result holds it in host memory, in fp32, when the optimizer is gone.
  if (training.options.result.keeper >= 0)
    stage.host_bytes = std::max(stage.host_bytes, 4 * static_cast<double>(config.parameter_count()));
  return stage;
}

double asking(const ModelConfig& config, const ScoringShape& scoring, int models) {
  return models * scoring_bytes(config, scoring.bytes, scoring.tokens, scoring.shards) + scoring.beside +
         scoring.held * answering_weights(config, scoring.bytes, scoring.shards);
}

/// A model that answers alone keeps as many answers running as there is memory for.
double more_positions(const ModelConfig& config, const ScoringShape& scoring, int models) {
  if (models > 1 || scoring.most_tokens <= scoring.tokens) return 0;
  return 2 * scoring.bytes * static_cast<double>(config.layers * config.key_value_heads * config.head_dim) *
         static_cast<double>(scoring.most_tokens - scoring.tokens);
}

StageMemory reshard_stage(const ModelConfig& config, const ScoringShape& scoring, const TrainingShape& training) {
  const auto size = sizes_of(config, training.selected, training.options);
  const auto& e = training.options.execution;
  const auto dtype = effective_dtype(e, training.options.device.value_or(c10::kCPU));
  const double compute = dtype == ComputeType::bf16 ? 2 : 4, master = e.master_weights == MasterWeights::none ? 2 : 4;
  const double share = e.shard == Shard::none ? 1 : training.ranks;
  const double held = e.offload_optimizer ? compute : master;
  const double frozen = frozen_bytes(training.options);
  const double shard = (held * size.trained + frozen * (size.all - size.trained)) / share;
  const double kept = scoring.shards == 1 ? size.all : (size.all - size.head_unit) / scoring.shards + size.head_unit;
  const double replicas = scoring.models * scoring.bytes * kept;
  const bool shard_is_replica = share == 1 && held == 4 && frozen == 4 && scoring.bytes == 4 && scoring.shards == 1;
  const double bytes = shard_is_replica ? replicas : shard + replicas + 2 * 4 * size.unit;
  return {kReshardStage, bytes, e.offload_optimizer ? master * size.trained / share : 0};
}

}  // namespace

std::vector<StageMemory> pair_stages(const ModelConfig& config, const ScoringShape& scoring, const TrainingShape* making) {
  std::vector<StageMemory> stages;
  if (making != nullptr) stages.push_back(training_stage(kFinetuneStage, config, *making));
  stages.push_back({kBaselineStage, asking(config, scoring, 1), 0, more_positions(config, scoring, 1)});
  return stages;
}

std::vector<StageMemory> cell_stages(const ModelConfig& config, const ScoringShape& scoring,
                                     const TrainingShape& unlearning) {
  return {training_stage(kUnlearnStage, config, unlearning),
          reshard_stage(config, scoring, unlearning),
          {kEvaluateStage, asking(config, scoring, scoring.models), 0, more_positions(config, scoring, scoring.models)}};
}

std::vector<StageMemory> plan_stages(const ModelConfig& config, const ScoringShape& scoring, const TrainingShape& unlearning,
                                     const TrainingShape* making) {
  auto stages = pair_stages(config, scoring, making);
  for (auto& stage : cell_stages(config, scoring, unlearning)) stages.push_back(std::move(stage));
  return stages;
}

StageMemory largest_stage(const std::vector<StageMemory>& stages) {
  UNPACT_EXPECT(!stages.empty());
  return *std::max_element(stages.begin(), stages.end(), [](const auto& a, const auto& b) { return a.bytes < b.bytes; });
}

StageMemory typical_cell(const ModelConfig& config, int ranks, bool offload_optimizer) {
  constexpr std::int64_t kTokens = 2048;
  TrainingShape training{{}, ranks, kTokens, {}, TargetInMemory::streamed};
  training.options.micro_batch = 1;
  training.options.device = c10::Device(c10::kCUDA, 0);
  auto& e = training.options.execution;
  e.dtype = ComputeType::bf16;
  e.recompute = true;
  e.offload_optimizer = offload_optimizer;
  return largest_stage(cell_stages(config, {.bytes = 2}, training));
}

}  // namespace unpact
