#include "unpact/train/stage_memory.hpp"

#include <algorithm>

#include "model_sizes.hpp"

namespace unpact {
namespace {

StageMemory training_stage(const char* name, const ModelConfig& config, const TrainingShape& training) {
  const auto selected = training.selected ? training.selected : [](const std::string&) { return true; };
  const auto plan =
      plan_memory(config, selected, training.ranks, training.options, training.longest, training.target);
  StageMemory stage{name, plan.total(), plan.host_total()};
  // The rank that writes the result holds it in host memory, in fp32, when the optimizer is gone.
  if (training.options.result.keeper >= 0)
    stage.host_bytes = std::max(stage.host_bytes, 4 * static_cast<double>(config.parameter_count()));
  return stage;
}

}  // namespace

double scoring_stage_bytes(const ModelConfig& config, const ScoringShape& scoring) {
  return scoring.models * scoring_bytes(config, scoring.bytes, scoring.tokens);
}

StageMemory reshard_stage(const ModelConfig& config, const ScoringShape& scoring, const TrainingShape& training) {
  const auto size = sizes_of(config, training.selected);
  const auto& e = training.options.execution;
  const double compute = e.dtype == ComputeType::bf16 ? 2 : 4, master = e.master_weights == MasterWeights::none ? 2 : 4;
  const double share = e.shard == Shard::none ? 1 : training.ranks;
  const double held = e.offload_optimizer ? compute : master;
  const double shard = (held * size.trained + 4 * (size.all - size.trained)) / share;
  const double replica = scoring.bytes * size.all;
  // One rank's fp32 shard is the replica.
  const bool is_there = share == 1 && held == scoring.bytes && scoring.bytes == 4;
  const double bytes = is_there ? scoring.models * replica : shard + scoring.models * replica + 2 * 4 * size.unit;
  return {"reshard", bytes, e.offload_optimizer ? master * size.trained / share : 0};
}

std::vector<StageMemory> plan_stages(const ModelConfig& config, const ScoringShape& scoring, const TrainingShape& unlearning,
                                     const TrainingShape* making) {
  std::vector<StageMemory> stages;
  if (making != nullptr) stages.push_back(training_stage("finetune", config, *making));
  auto alone = scoring;
  alone.models = 1;
  stages.push_back({"baseline", scoring_stage_bytes(config, alone), 0});
  stages.push_back(training_stage("unlearn", config, unlearning));
  stages.push_back(reshard_stage(config, scoring, unlearning));
  stages.push_back({"evaluate", scoring_stage_bytes(config, scoring), 0});
  return stages;
}

}  // namespace unpact
