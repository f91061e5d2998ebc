#include <ATen/ATen.h>

#include <map>

#include "unpact/core/error.hpp"
#include "unpact/checkpoint/weights.hpp"

namespace unpact {
namespace {

/// How GPT-2's files spell a weight. Rows with the same spelling are parts of one tensor.
struct Spelling {
  const char *ours, *stored;
  bool transposed;  // its "Conv1D" computes x W, ours x W^T
};

constexpr Spelling kGpt2[] = {
    {"input_layernorm.weight", "ln_1.weight", false},
    {"input_layernorm.bias", "ln_1.bias", false},
    {"self_attn.q_proj.weight", "attn.c_attn.weight", true},
    {"self_attn.k_proj.weight", "attn.c_attn.weight", true},
    {"self_attn.v_proj.weight", "attn.c_attn.weight", true},
    {"self_attn.q_proj.bias", "attn.c_attn.bias", false},
    {"self_attn.k_proj.bias", "attn.c_attn.bias", false},
    {"self_attn.v_proj.bias", "attn.c_attn.bias", false},
    {"self_attn.o_proj.weight", "attn.c_proj.weight", true},
    {"self_attn.o_proj.bias", "attn.c_proj.bias", false},
    {"post_attention_layernorm.weight", "ln_2.weight", false},
    {"post_attention_layernorm.bias", "ln_2.bias", false},
    {"mlp.up_proj.weight", "mlp.c_fc.weight", true},
    {"mlp.up_proj.bias", "mlp.c_fc.bias", false},
    {"mlp.down_proj.weight", "mlp.c_proj.weight", true},
    {"mlp.down_proj.bias", "mlp.c_proj.bias", false},
    {"model.embed_tokens.weight", "transformer.wte.weight", false},
    {"model.embed_positions.weight", "transformer.wpe.weight", false},
    {"model.norm.weight", "transformer.ln_f.weight", false},
    {"model.norm.bias", "transformer.ln_f.bias", false},
    {"lm_head.weight", "lm_head.weight", false},
};

struct StoredName {
  std::string name;
  bool transposed;
};

StoredName gpt2_name(const std::string& ours) {
  const std::string blocks = "model.layers.";
  std::string prefix, rest = ours;
  if (ours.starts_with(blocks)) {
    const auto dot = ours.find('.', blocks.size());
    prefix = concat("transformer.h.", ours.substr(blocks.size(), dot + 1 - blocks.size()));
    rest = ours.substr(dot + 1);
  }
  for (const auto& row : kGpt2)
    if (rest == row.ours) return {prefix + row.stored, row.transposed};
  throw ContractViolation("invariant", "GPT-2's layout has every weight of its description", __FILE__, __LINE__);
}

/// Parts lie one behind the other along the output dimension, which is the last one of a transposed matrix.
std::vector<std::int64_t> stored_shape(const StoredTensor& tensor) {
  auto shape = tensor.parts.front().shape;
  for (std::size_t i = 1; i < tensor.parts.size(); ++i) shape[0] += tensor.parts[i].shape[0];
  if (tensor.transposed) std::swap(shape.front(), shape.back());
  return shape;
}

}  // namespace

std::vector<StoredTensor> stored_tensors(const ModelConfig& config, Weights& weights) {
  const bool gpt2 = architecture_of(config.architecture, "this model").storage == StorageLayout::gpt2;
  std::vector<StoredTensor> tensors;
  std::map<std::string, std::size_t> places;
  for (auto& spec : weight_specs(config, weights)) {
    const auto stored = gpt2 ? gpt2_name(spec.name) : StoredName{spec.name, false};
    const auto [place, is_new] = places.emplace(stored.name, tensors.size());
    if (is_new) tensors.push_back({stored.name, {}, stored.transposed, {}});
    tensors[place->second].parts.push_back(std::move(spec));
  }
  for (auto& tensor : tensors) tensor.shape = stored_shape(tensor);
  return tensors;
}

NamedTensors file_tensors(const ModelConfig& config, const Weights& weights) {
  auto shared = weights;  // the same tensors; stored_tensors wants slots that could be written
  NamedTensors named;
  for (const auto& stored : stored_tensors(config, shared)) {
    std::vector<at::Tensor> parts;
    for (const auto& part : stored.parts) parts.push_back(part.slot->detach());
    auto whole = parts.size() == 1 ? parts.front() : at::cat(parts);
    named.emplace_back(stored.name, stored.transposed ? whole.t() : whole);
  }
  return named;
}

}  // namespace unpact
