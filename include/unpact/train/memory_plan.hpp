#pragma once
/// The memory that one rank needs, before anything is loaded: what dry runs and `inspect model` say. The lines of the shard are
/// exact, those of activations an estimate; docs/training.md has the formulas of training.
///
/// Legend: N weights, L blocks, D hidden size, F MLP width, H query heads, G key-value heads, d head size, V vocabulary,
/// T tokens that run at once, b bytes a number, W ranks, U weights of the largest block.
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "unpact/train/trainer.hpp"

namespace unpact {

struct MemoryPlan {
  using Lines = std::vector<std::pair<std::string, double>>;  ///< what, bytes
  Lines lines;                                                ///< on the device that computes
  Lines host_lines;                                           ///< with offload_optimizer: in host memory
  double total() const;
  double host_total() const;
  std::string table() const;
};

/// What a rank holds of the target model beside the pieces that train.
enum class TargetInMemory {
  whole,     ///< all of it
  streamed,  ///< the head, and one unit at a time (StreamedModel)
  nothing,
};

/// @param selected which weights train, by name. @param longest tokens of the longest example.
MemoryPlan plan_memory(const ModelConfig& config, const std::function<bool(const std::string&)>& selected, int ranks,
                       const TrainOptions& options, std::int64_t longest, TargetInMemory target = TargetInMemory::whole);

/// The plan of `unpact unlearn` for all weights in fp32 with a loss that asks the target, without activations and logits:
/// 16 N / W for weights, gradients and AdamW's two moments, 4 (V D + max(U, V D)) for what is there of the target, and with
/// several ranks 16 U + 8 V D for what is gathered. With Shard::none 20 N: the target whole, and nothing is cut.
double unlearning_bytes(const ModelConfig& config, int ranks, Shard shard = Shard::automatic);

/// The weights of a model that answers: the first term of scoring_bytes().
double answering_weights(const ModelConfig& config, double bytes, int shards);

/// Asking and attributing: b N for the weights, 2 b L G d T for keys and values, b T (4 D + 2 H d + 2 G d + 3 F) for one
/// block's activations, min(8 V T, 512 MiB) for logits and their softmax in fp32, which come in chunks.
/// On shards (model/sharded_replica.hpp) b ((N - h) / W + h + the largest two neighbouring units) for the weights, h of them
/// in the unit with the head.
/// @param bytes b: 4 for fp32, 2 for bf16. @param shards W; 1: every rank holds the whole model.
double scoring_bytes(const ModelConfig& config, double bytes, std::int64_t tokens, int shards = 1);

}  // namespace unpact
