#include "unpact/train/memory_plan.hpp"

#include <algorithm>
#include <cstdio>

#include "offload.hpp"
#include "unpact/core/error.hpp"
#include "unpact/kernels/log_softmax.hpp"

namespace unpact {
namespace {

/// Numbers a token that a block keeps for its backward pass: the parts of two norms and of attention as wide as the hidden
/// state, and the MLP's. Counted from the operations of Transformer; an estimate.
double kept_by_block(const ModelConfig& c) {
  const auto hidden = static_cast<double>(c.hidden_size), heads = static_cast<double>(c.heads * c.head_dim);
  const double gated = c.block.mlp == MlpKind::gated ? 4 : 2;
  return 9 * hidden + 8 * heads + gated * static_cast<double>(c.intermediate_size);
}

double largest_block(const ModelConfig& config, Weights& shape_only) {
  std::vector<double> sizes(static_cast<std::size_t>(config.layers), 0);
  for (const auto& spec : weight_specs(config, shape_only)) {
    if (!spec.name.starts_with("model.layers.")) continue;
    double size = 1;
    for (const auto extent : spec.shape) size *= static_cast<double>(extent);
    sizes[std::stoul(spec.name.substr(13))] += size;
  }
  return *std::max_element(sizes.begin(), sizes.end());
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
  Weights shape_only;
  double trained = 0, all = 0;
  for (const auto& spec : weight_specs(config, shape_only)) {
    double size = 1;
    for (const auto extent : spec.shape) size *= static_cast<double>(extent);
    all += size;
    if (selected(spec.name)) trained += size;
  }
  const auto& e = options.execution;
  const double share = e.shard == "none" ? 1.0 : ranks, compute = e.dtype == "bf16" ? 2 : 4, master = e.master_weights == "none" ? 2 : 4;
  const double block = largest_block(config, shape_only), head = static_cast<double>(config.vocabulary_size * config.hidden_size);
  const double tokens = static_cast<double>(std::min(options.micro_batch, options.batch_size) * longest);
  const auto layers = static_cast<double>(config.layers), kept = kept_by_block(config) * compute * tokens;
  MemoryPlan plan;
  const auto add = [&](const char* what, double bytes) { plan.lines.emplace_back(what, bytes); };
  if (target == TargetInMemory::whole) add("the target, whole", 4 * all);
  if (target == TargetInMemory::streamed) add("the target's head and one unit of it", 4 * (head + std::max(block, head)));
  add("weights of the shard", ((e.offload_optimizer ? compute : master) * trained + 4 * (all - trained)) / share);
  add("gradients of the shard", 4 * trained / share);
  if (e.offload_optimizer) {
    plan.host_lines = {{"master weights of the shard", master * trained / share},
                       {"optimizer's moments of the shard", 2 * master * trained / share},
                       {"gradients on their way", 4 * std::min(static_cast<double>(kOffloadElements), trained / share)}};
  } else {
    add("optimizer's moments of the shard", 2 * master * trained / share);
  }
  const bool plain = ranks == 1 && compute == 4;
  if (e.shard != "none" && !plain) {
    add("two gathered blocks and two blocks of gradients", 2 * (compute + 4) * block);
    add("the head in use and its gradient", (compute + 4) * head);
  }
  if (e.shard == "gradients" && !plain) add("weights kept gathered", compute * all);
  add(e.recompute ? "activations: inputs of blocks, one block's own" : "activations of all blocks",
      e.recompute ? compute * tokens * static_cast<double>(config.hidden_size) * layers + kept : kept * layers);
  const auto most_logits = static_cast<double>(kernels::logit_bytes_on(options.device.value_or(c10::kCPU)));
  add("logits", 2 * std::min(most_logits, 4 * tokens * static_cast<double>(config.vocabulary_size)));
  return plan;
}

}  // namespace unpact
