#pragma once
/// The memory of one rank at every stage of a campaign, before anything is loaded. A stage holds what it needs and nothing
/// of the others, so a rank's peak is the largest of them: about max(2 N + activations, 16 N / W + 2 N / W + two blocks +
/// activations) bytes where models answer in bf16 (legend: memory_plan.hpp).
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "unpact/train/memory_plan.hpp"

namespace unpact {

inline constexpr const char *kFinetuneStage = "finetune", *kBaselineStage = "baseline", *kUnlearnStage = "unlearn",
                            *kReshardStage = "reshard", *kEvaluateStage = "evaluate";

struct StageMemory {
  std::string stage;      ///< one of these names
  double bytes = 0;       ///< on the device that computes
  double host_bytes = 0;  ///< in host memory besides: masters and moments with offload_optimizer, the keeper's result
  double more = 0;        ///< on the device, taken only where it is free: keys and values of more answers at once
};

/// How models are asked.
struct ScoringShape {
  double bytes = 4;              ///< a number: 4 in fp32, 2 in bf16 or fp16
  std::int64_t tokens = 8192;    ///< that run at once
  int models = 1;                ///< that answer together after an unlearning: 2 for whp
  std::int64_t most_tokens = 0;  ///< whose keys and values are held at once where memory allows, beyond `tokens`
  int shards = 1;                ///< ranks that a model is cut over to be asked; 1: every rank holds it whole
  double beside = 0;             ///< bytes of another model that is asked beside: a judge's
  int held = 0;                  ///< further sets of weights of this config beside those that answer: the target, gradients
};

/// A training of a campaign, of the target or of a cell.
struct TrainingShape {
  TrainOptions options;                                   ///< with the device
  int ranks = 1;                                          ///< that it is cut over
  std::int64_t longest = 1;                               ///< tokens of the longest example
  std::function<bool(const std::string&)> selected = {};  ///< which weights train, by name; empty: all
  TargetInMemory target = TargetInMemory::streamed;
};

/// The stages that a pair's cells share: making the target and asking it. @param making null: the target is given.
std::vector<StageMemory> pair_stages(const ModelConfig& config, const ScoringShape& scoring, const TrainingShape* making);

/// The stages of a cell. From the shard to whole weights that answer, unit by unit, takes the weights of the shard, one
/// replica a model in the dtype of scoring, or its piece, and two of the largest units in fp32; gradients, moments and
/// the target are gone by then.
std::vector<StageMemory> cell_stages(const ModelConfig& config, const ScoringShape& scoring,
                                     const TrainingShape& unlearning);

/// Both, in their order.
std::vector<StageMemory> plan_stages(const ModelConfig& config, const ScoringShape& scoring, const TrainingShape& unlearning,
                                     const TrainingShape* making = nullptr);

/// The stage that takes most of the device.
StageMemory largest_stage(const std::vector<StageMemory>& stages);

/// What a cell takes at most on one of `ranks` in bf16 with fp32 masters and recomputation, all weights training on
/// micro-batches of 2048 tokens with a loss that asks the target, and asked 8192 tokens at once.
StageMemory typical_cell(const ModelConfig& config, int ranks, bool offload_optimizer);

}  // namespace unpact
