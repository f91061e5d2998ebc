#include "unpact/model/weights.hpp"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <array>

#include "unpact/core/error.hpp"

namespace unpact {
namespace {

using Shape = std::vector<std::int64_t>;

/// One weight of a block: its Hugging Face name, where it lives, how large it is.
struct BlockMember {
  const char* name;
  at::Tensor BlockWeights::*slot;
  Shape (*shape)(const ModelConfig&);
};

const std::array kBlockMembers = {
    BlockMember{"input_layernorm.weight", &BlockWeights::attention_norm_D,
                [](const ModelConfig& c) -> Shape { return {c.hidden_size}; }},
    BlockMember{"self_attn.q_proj.weight", &BlockWeights::query_HdD,
                [](const ModelConfig& c) -> Shape { return {c.heads * c.head_dim, c.hidden_size}; }},
    BlockMember{"self_attn.k_proj.weight", &BlockWeights::key_GdD,
                [](const ModelConfig& c) -> Shape { return {c.key_value_heads * c.head_dim, c.hidden_size}; }},
    BlockMember{"self_attn.v_proj.weight", &BlockWeights::value_GdD,
                [](const ModelConfig& c) -> Shape { return {c.key_value_heads * c.head_dim, c.hidden_size}; }},
    BlockMember{"self_attn.o_proj.weight", &BlockWeights::output_DHd,
                [](const ModelConfig& c) -> Shape { return {c.hidden_size, c.heads * c.head_dim}; }},
    BlockMember{"post_attention_layernorm.weight", &BlockWeights::mlp_norm_D,
                [](const ModelConfig& c) -> Shape { return {c.hidden_size}; }},
    BlockMember{"mlp.gate_proj.weight", &BlockWeights::gate_FD,
                [](const ModelConfig& c) -> Shape { return {c.intermediate_size, c.hidden_size}; }},
    BlockMember{"mlp.up_proj.weight", &BlockWeights::up_FD,
                [](const ModelConfig& c) -> Shape { return {c.intermediate_size, c.hidden_size}; }},
    BlockMember{"mlp.down_proj.weight", &BlockWeights::down_DF,
                [](const ModelConfig& c) -> Shape { return {c.hidden_size, c.intermediate_size}; }},
};

bool is_tied(const Weights& weights) { return weights.head_VD.is_same(weights.embedding_VD); }

std::string block_name(std::size_t layer, const BlockMember& member) {
  return concat("model.layers.", layer, ".", member.name);
}

}  // namespace

std::vector<WeightSpec> weight_specs(const ModelConfig& config, Weights& weights) {
  const Shape vocabulary_shape = {config.vocabulary_size, config.hidden_size};
  weights.blocks.resize(static_cast<std::size_t>(config.layers));
  std::vector<WeightSpec> specs = {{"model.embed_tokens.weight", vocabulary_shape, &weights.embedding_VD}};
  for (std::size_t layer = 0; layer < weights.blocks.size(); ++layer)
    for (const auto& member : kBlockMembers)
      specs.push_back({block_name(layer, member), member.shape(config), &(weights.blocks[layer].*member.slot)});
  specs.push_back({"model.norm.weight", {config.hidden_size}, &weights.final_norm_D});
  if (!config.tied_embeddings) specs.push_back({"lm_head.weight", vocabulary_shape, &weights.head_VD});
  return specs;
}

NamedTensors named_tensors(const Weights& weights) {
  NamedTensors named = {{"model.embed_tokens.weight", weights.embedding_VD}};
  for (std::size_t layer = 0; layer < weights.blocks.size(); ++layer)
    for (const auto& member : kBlockMembers)
      named.emplace_back(block_name(layer, member), weights.blocks[layer].*member.slot);
  named.emplace_back("model.norm.weight", weights.final_norm_D);
  if (!is_tied(weights)) named.emplace_back("lm_head.weight", weights.head_VD);
  return named;
}

Weights random_weights(const ModelConfig& config, std::uint64_t seed) {
  Weights weights;
  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  for (auto& spec : weight_specs(config, weights)) {
    const bool is_norm = spec.shape.size() == 1;
    *spec.slot = is_norm ? at::ones(spec.shape, at::kFloat)
                         : at::empty(spec.shape, at::kFloat).normal_(0.0, config.initializer_range, generator);
  }
  if (config.tied_embeddings) weights.head_VD = weights.embedding_VD;
  return weights;
}

Weights clone_weights(const Weights& weights) {
  Weights copy;
  copy.embedding_VD = weights.embedding_VD.detach().clone();
  copy.blocks.resize(weights.blocks.size());
  for (std::size_t layer = 0; layer < weights.blocks.size(); ++layer)
    for (const auto& member : kBlockMembers)
      copy.blocks[layer].*member.slot = (weights.blocks[layer].*member.slot).detach().clone();
  copy.final_norm_D = weights.final_norm_D.detach().clone();
  copy.head_VD = is_tied(weights) ? copy.embedding_VD : weights.head_VD.detach().clone();
  return copy;
}

}  // namespace unpact
