#include "unpact/checkpoint/weights.hpp"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <array>
#include <cmath>

#include "unpact/checkpoint/adapters.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

using Shape = std::vector<std::int64_t>;
using Block = BlockWeights;
using Config = ModelConfig;

/// One weight of a block or around the blocks: its name, where it lives, whether this model has it, how large it is.
template <typename Owner>
struct Member {
  const char* name;
  at::Tensor Owner::*slot;
  bool (*present)(const Config&);
  Shape (*shape)(const Config&);
};

bool always(const Config&) { return true; }
bool layer_norm(const Config& c) { return c.block.norm == NormKind::layer; }
bool attention_bias(const Config& c) { return c.block.query_key_value_bias; }
bool output_bias(const Config& c) { return c.block.output_bias; }
bool head_norms(const Config& c) { return c.block.query_key_norm != HeadNorm::none; }
bool mlp_norm(const Config& c) { return !c.block.shared_norm; }
bool mlp_layer_norm(const Config& c) { return mlp_norm(c) && layer_norm(c); }
bool norms_around(const Config& c) { return c.block.norm_place == NormPlace::around; }
bool final_norm(const Config& c) { return !c.block.no_final_norm; }
bool final_layer_norm(const Config& c) { return final_norm(c) && layer_norm(c); }
bool has_experts(const Config& c) { return c.block.experts > 0; }
bool whole_norm(const Config& c) { return c.block.query_key_norm == HeadNorm::whole; }
bool gated(const Config& c) { return c.block.mlp == MlpKind::gated; }
bool gate_bias(const Config& c) { return gated(c) && c.block.mlp_bias; }
bool mlp_bias(const Config& c) { return c.block.mlp_bias; }
bool with_encoder(const Config& c) { return c.encoder.any(); }
bool position_table(const Config& c) { return c.block.positions == PositionKind::learned; }

Shape hidden(const Config& c) { return {c.hidden_size}; }
Shape queries(const Config& c) { return {c.heads * c.head_dim}; }
Shape keys(const Config& c) { return {c.key_value_heads * c.head_dim}; }
Shape query_norm(const Config& c) { return {whole_norm(c) ? c.heads * c.head_dim : c.head_dim}; }
Shape key_norm(const Config& c) { return {whole_norm(c) ? c.key_value_heads * c.head_dim : c.head_dim}; }
Shape inner(const Config& c) { return {c.intermediate_size}; }
Shape hidden_to_queries(const Config& c) { return {c.heads * c.head_dim, c.hidden_size}; }
Shape hidden_to_keys(const Config& c) { return {c.key_value_heads * c.head_dim, c.hidden_size}; }
Shape heads_to_hidden(const Config& c) { return {c.hidden_size, c.heads * c.head_dim}; }
Shape hidden_to_inner(const Config& c) { return {c.intermediate_size, c.hidden_size}; }
Shape inner_to_hidden(const Config& c) { return {c.hidden_size, c.intermediate_size}; }
Shape vocabulary(const Config& c) { return {c.vocabulary_size, c.hidden_size}; }
Shape distances(const Config& c) { return {c.encoder.buckets, c.heads}; }
Shape positions(const Config& c) { return {c.max_positions + c.block.position_offset, c.hidden_size}; }
Shape hidden_to_experts(const Config& c) { return {c.block.experts, c.hidden_size}; }

constexpr std::array kBlockMembers = {
    Member<Block>{"input_layernorm.weight", &Block::attention_norm_D, always, hidden},
    Member<Block>{"input_layernorm.bias", &Block::attention_norm_bias_D, layer_norm, hidden},
    Member<Block>{"self_attn.q_proj.weight", &Block::query_HdD, always, hidden_to_queries},
    Member<Block>{"self_attn.k_proj.weight", &Block::key_GdD, always, hidden_to_keys},
    Member<Block>{"self_attn.v_proj.weight", &Block::value_GdD, always, hidden_to_keys},
    Member<Block>{"self_attn.o_proj.weight", &Block::output_DHd, always, heads_to_hidden},
    Member<Block>{"self_attn.q_proj.bias", &Block::query_bias_Hd, attention_bias, queries},
    Member<Block>{"self_attn.k_proj.bias", &Block::key_bias_Gd, attention_bias, keys},
    Member<Block>{"self_attn.v_proj.bias", &Block::value_bias_Gd, attention_bias, keys},
    Member<Block>{"self_attn.o_proj.bias", &Block::output_bias_D, output_bias, hidden},
    Member<Block>{"self_attn.q_norm.weight", &Block::query_norm_d, head_norms, query_norm},
    Member<Block>{"self_attn.k_norm.weight", &Block::key_norm_d, head_norms, key_norm},
    Member<Block>{"post_attention_layernorm.weight", &Block::mlp_norm_D, mlp_norm, hidden},
    Member<Block>{"post_attention_layernorm.bias", &Block::mlp_norm_bias_D, mlp_layer_norm, hidden},
    Member<Block>{"mlp.gate_proj.weight", &Block::gate_FD, gated, hidden_to_inner},
    Member<Block>{"mlp.up_proj.weight", &Block::up_FD, always, hidden_to_inner},
    Member<Block>{"mlp.down_proj.weight", &Block::down_DF, always, inner_to_hidden},
    Member<Block>{"mlp.gate_proj.bias", &Block::gate_bias_F, gate_bias, inner},
    Member<Block>{"mlp.up_proj.bias", &Block::up_bias_F, mlp_bias, inner},
    Member<Block>{"mlp.down_proj.bias", &Block::down_bias_D, mlp_bias, hidden},
    Member<Block>{"attention_output_layernorm.weight", &Block::attention_output_norm_D, norms_around, hidden},
    Member<Block>{"mlp_output_layernorm.weight", &Block::mlp_output_norm_D, norms_around, hidden},
    Member<Block>{"mlp.router.weight", &Block::router_ED, has_experts, hidden_to_experts},
};

/// Behind those above, of a decoder that looks at an encoder's states.
constexpr std::array kCrossMembers = {
    Member<Block>{"cross_layernorm.weight", &Block::cross_norm_D, with_encoder, hidden},
    Member<Block>{"cross_attn.q_proj.weight", &Block::cross_query_HdD, with_encoder, hidden_to_queries},
    Member<Block>{"cross_attn.k_proj.weight", &Block::cross_key_HdD, with_encoder, hidden_to_queries},
    Member<Block>{"cross_attn.v_proj.weight", &Block::cross_value_HdD, with_encoder, hidden_to_queries},
    Member<Block>{"cross_attn.o_proj.weight", &Block::cross_output_DHd, with_encoder, heads_to_hidden},
};

constexpr std::array kInputMembers = {
    Member<Weights>{"model.embed_tokens.weight", &Weights::embedding_VD, always, vocabulary},
    Member<Weights>{"model.embed_positions.weight", &Weights::position_embedding_PD, position_table, positions},
};

/// Of an encoder-decoder model, beside the encoder's blocks.
constexpr std::array kEncoderMembers = {
    Member<Weights>{"model.encoder.relative_bias.weight", &Weights::encoder_bias_KH, with_encoder, distances},
    Member<Weights>{"model.encoder.norm.weight", &Weights::encoder_norm_D, with_encoder, hidden},
    Member<Weights>{"model.relative_bias.weight", &Weights::decoder_bias_KH, with_encoder, distances},
};

constexpr std::array kOutputMembers = {
    Member<Weights>{"model.norm.weight", &Weights::final_norm_D, final_norm, hidden},
    Member<Weights>{"model.norm.bias", &Weights::final_norm_bias_D, final_layer_norm, hidden},
};

constexpr const char* kHead = "lm_head.weight";

bool is_tied(const Weights& weights) { return weights.head_VD.is_same(weights.embedding_VD); }

/// Calls visit(name, slot, member) for all members but the head, in the fixed order.
template <typename AnyWeights, typename Visitor>
void for_each_member(AnyWeights& weights, const Visitor& visit) {
  for (const auto& member : kInputMembers) visit(std::string(member.name), weights.*member.slot, member);
  for (std::size_t layer = 0; layer < weights.encoder_blocks.size(); ++layer)
    for (const auto& member : kBlockMembers)
      visit(concat("model.encoder.layers.", layer, ".", member.name), weights.encoder_blocks[layer].*member.slot, member);
  for (const auto& member : kEncoderMembers) visit(std::string(member.name), weights.*member.slot, member);
  for (std::size_t layer = 0; layer < weights.blocks.size(); ++layer) {
    for (const auto& member : kBlockMembers)
      visit(concat("model.layers.", layer, ".", member.name), weights.blocks[layer].*member.slot, member);
    for (const auto& member : kCrossMembers)
      visit(concat("model.layers.", layer, ".", member.name), weights.blocks[layer].*member.slot, member);
  }
  for (const auto& member : kOutputMembers) visit(std::string(member.name), weights.*member.slot, member);
}

at::Tensor random_weight(const ModelConfig& config, const WeightSpec& spec, at::Generator& generator) {
  if (spec.name.ends_with(".bias")) return at::zeros(spec.shape, at::kFloat);
  if (spec.shape.size() == 1) return at::full(spec.shape, config.block.norm_plus_one ? 0 : 1, at::kFloat);  // norms
  const bool into_residual = spec.name.ends_with("o_proj.weight") || spec.name.ends_with("down_proj.weight");
  const bool small = config.block.small_residual_init && into_residual;
  const double divisor = small ? std::sqrt(2.0 * static_cast<double>(config.layers)) : 1.0;
  return at::empty(spec.shape, at::kFloat).normal_(0.0, config.initializer_range / divisor, generator);
}

}  // namespace

std::vector<WeightSpec> weight_specs(const ModelConfig& config, Weights& weights) {
  weights.blocks.resize(static_cast<std::size_t>(config.layers));
  weights.encoder_blocks.resize(static_cast<std::size_t>(config.encoder.layers));
  std::vector<WeightSpec> specs;
  for_each_member(weights, [&](std::string name, at::Tensor& slot, const auto& member) {
    if (member.present(config)) specs.push_back({std::move(name), member.shape(config), &slot});
  });
  if (!config.tied_embeddings) specs.push_back({kHead, {config.vocabulary_size, config.head_width()}, &weights.head_VD});
  add_adapter_specs(config, weights, specs);
  return specs;
}

NamedTensors named_tensors(const Weights& weights) {
  NamedTensors named;
  for_each_member(weights, [&](std::string name, const at::Tensor& tensor, const auto&) {
    if (tensor.defined()) named.emplace_back(std::move(name), tensor);
  });
  if (!is_tied(weights)) named.emplace_back(kHead, weights.head_VD);
  return named;
}

Weights random_weights(const ModelConfig& config, std::uint64_t seed) {
  Weights weights;
  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  for (auto& spec : weight_specs(config, weights)) *spec.slot = random_weight(config, spec, generator);
  if (config.block.head_bias) weights.head_VD.narrow(1, config.hidden_size, 1).zero_();
  if (config.tied_embeddings) weights.head_VD = weights.embedding_VD;
  return weights;
}

void change_weights(const ModelConfig& config, Weights& weights,
                    const std::function<at::Tensor(const at::Tensor&)>& change) {
  for (auto& spec : weight_specs(config, weights)) *spec.slot = change(*spec.slot);
  if (config.tied_embeddings) weights.head_VD = weights.embedding_VD;
}

Weights clone_weights(const Weights& weights) {
  Weights copy = weights;
  for_each_member(copy, [](const std::string&, at::Tensor& slot, const auto&) {
    if (slot.defined()) slot = slot.detach().clone();
  });
  copy.head_VD = is_tied(weights) ? copy.embedding_VD : weights.head_VD.detach().clone();
  return copy;
}

std::int64_t ModelConfig::parameter_count() const {
  Weights shape_only;
  std::int64_t count = 0;
  for (const auto& spec : weight_specs(*this, shape_only)) {
    std::int64_t size = 1;
    for (const auto extent : spec.shape) size *= extent;
    count += size;
  }
  return count;
}

}  // namespace unpact
