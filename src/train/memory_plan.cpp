#include "unpact/train/memory_plan.hpp"

#include <algorithm>
#include <cstdio>

#include "model_sizes.hpp"
#include "offload.hpp"
#include "unpact/core/error.hpp"
#include "unpact/kernels/log_softmax.hpp"

namespace unpact {
namespace {

/// Numbers a token that a block keeps for its backward pass: the parts of two norms (or four) and of attention as wide as the
/// hidden state, and the MLP's. Counted from the operations of Transformer; an estimate.
double kept_by_block(const ModelConfig& c) {
  const auto hidden = static_cast<double>(c.hidden_size), heads = static_cast<double>(c.heads * c.head_dim);
  const double gated = c.block.mlp == MlpKind::gated ? 4 : 2, norms = c.block.norm_place == NormPlace::around ? 13 : 9;
  return norms * hidden + 8 * heads + (gated + (c.block.experts > 0 ? 1 : 0)) * static_cast<double>(c.intermediate_size);
}

/// Bytes a token that a block keeps of capped scores, whose weights the reference holds in float32: the caps' tanh, the
/// softmax and what masks it.
double kept_scores(const ModelConfig& c, std::int64_t longest) {
  return c.block.score_cap > 0 ? 9.0 * static_cast<double>(c.heads * longest) : 0.0;
}

std::string gibibytes(double bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%9.3f GiB", bytes / (1 << 30));
  return text;
}

double sum_of(const MemoryPlan::Lines& lines) {
  double sum = 0;
  for (const auto& [name, bytes] : lines) sum += bytes;
  return sum;
}

std::string text_of(const MemoryPlan::Lines& lines, const char* end) {
  std::string text;
  for (const auto& [name, bytes] : lines) text += concat("  ", gibibytes(bytes), "  ", name, "\n");
  return text + concat("  ", gibibytes(sum_of(lines)), "  ", end, "\n");
}

}  // namespace

double MemoryPlan::total() const { return sum_of(lines); }

double MemoryPlan::host_total() const { return sum_of(host_lines); }

std::string MemoryPlan::table() const {
  return text_of(lines, "together") + (host_lines.empty() ? "" : text_of(host_lines, "together in host memory"));
}

MemoryPlan plan_memory(const ModelConfig& config, const std::function<bool(const std::string&)>& selected, int ranks,
                       const TrainOptions& options, std::int64_t longest, TargetInMemory target) {
  const auto size = sizes_of(config, selected, options);
  const auto& e = options.execution;
  const auto device = options.device.value_or(c10::kCPU);
  const double share = e.shard == Shard::none ? 1.0 : ranks,
               compute = effective_dtype(e, device) == ComputeType::bf16 ? 2 : 4;
  const double master = e.master_weights == MasterWeights::none ? 2 : 4;
  const double tokens = static_cast<double>(std::min(options.micro_batch, options.batch_size) * longest);
  const auto layers = static_cast<double>(config.layers),
             kept = (kept_by_block(config) * compute + kept_scores(config, longest)) * tokens;
  MemoryPlan plan;
  const auto add = [&](const char* what, double bytes) { plan.lines.emplace_back(what, bytes); };
  if (target == TargetInMemory::whole) add("the target, whole", 4 * size.all);
  if (target == TargetInMemory::streamed)
    add("the target's head and one unit of it", 4 * (size.head + std::max(size.block, size.head)));
  add("weights of the shard",
      ((e.offload_optimizer ? compute : master) * size.trained + frozen_bytes(options) * (size.all - size.trained)) / share);
  add("gradients of the shard", 4 * size.trained / share);
  if (options.clip == ClipRule::terms) add("clipped gradients of the terms so far", 4 * size.trained / share);
  if (e.offload_optimizer) {
    plan.host_lines = {
        {"master weights of the shard", master * size.trained / share},
        {"optimizer's moments of the shard", 2 * master * size.trained / share},
        {"gradients on their way", 4 * std::min(static_cast<double>(kOffloadElements), size.trained / share)}};
  } else {
    add("optimizer's moments of the shard", 2 * master * size.trained / share);
  }
  const bool cut = e.shard != Shard::none, plain = ranks == 1 && compute == 4 && frozen_bytes(options) == 4;
  if (cut && !plain && e.lora_rank == 0) {
    add("two gathered blocks and two blocks of gradients", 2 * (compute + 4) * size.block);
    add("the head in use and its gradient", (compute + 4) * size.head);
  } else if (cut && !plain) {
    add("two gathered blocks and two blocks of gradients", 2 * (compute * size.block + 4 * size.trained_block));
    add("the head in use", compute * size.head);
  }
  if (e.shard == Shard::gradients && !plain) add("weights kept gathered", compute * size.all);
  add(e.recompute ? "activations: inputs of blocks, one block's own" : "activations of all blocks",
      e.recompute ? compute * tokens * static_cast<double>(config.hidden_size) * layers + kept : kept * layers);
  const auto most_logits = static_cast<double>(kernels::logit_bytes_on(device));
  add("logits", 2 * std::min(most_logits, 4 * tokens * static_cast<double>(config.vocabulary_size)));
  return plan;
}

double unlearning_bytes(const ModelConfig& config, int ranks, Shard shard) {
  TrainOptions options;
  options.execution.shard = shard;
  const auto target = shard == Shard::none ? TargetInMemory::whole : TargetInMemory::streamed;
  return plan_memory(
             config, [](const std::string&) { return true; }, ranks, options, /*longest=*/0, target)
      .total();
}

double answering_weights(const ModelConfig& config, double bytes, int shards) {
  if (shards == 1) return bytes * static_cast<double>(config.parameter_count());
  const auto size = sizes_of(config, {});
  return bytes * ((size.all - size.head_unit) / shards + size.head_unit + size.two_units);
}

double scoring_bytes(const ModelConfig& config, double bytes, std::int64_t tokens, int shards) {
  constexpr double most_logits = 512.0 * 1024 * 1024;  // twice the chunk of target_log_probabilities() on a GPU
  const auto real = [](std::int64_t value) { return static_cast<double>(value); };
  const auto queries = config.heads * config.head_dim, keys = config.key_value_heads * config.head_dim;
  const double weights = answering_weights(config, bytes, shards);
  const double keys_values = 2 * bytes * real(config.layers) * real(keys) * real(tokens);
  const double block =
      bytes * real(tokens) * real(4 * config.hidden_size + 2 * queries + 2 * keys + 3 * config.intermediate_size);
  return weights + keys_values + block + std::min(8 * real(config.vocabulary_size) * real(tokens), most_logits);
}

}  // namespace unpact
