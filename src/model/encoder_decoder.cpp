#include "unpact/model/encoder_decoder.hpp"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>

#include "unpact/core/error.hpp"
#include "unpact/kernels/embedding.hpp"
#include "unpact/kernels/norm.hpp"

namespace unpact {
namespace {

at::Tensor normed(const ModelConfig& config, const at::Tensor& x, const at::Tensor& weight_D) {
  return kernels::rms_norm(x, weight_D, config.norm_epsilon);
}

at::Tensor heads_of(const ModelConfig& config, const at::Tensor& x_BSD, const at::Tensor& weight) {
  return at::linear(x_BSD, weight).unflatten(-1, {config.heads, config.head_dim}).transpose(1, 2);
}

/// @param bias undefined: none. Scores and their softmax are in float32.
at::Tensor attend(const at::Tensor& query_BHQd, const at::Tensor& keys_BHKd, const at::Tensor& values_BHKd,
                  const at::Tensor& bias_1HQK, const at::Tensor& output_DHd) {
  auto scores_BHQK = at::matmul(query_BHQd, keys_BHKd.transpose(2, 3)).to(at::kFloat);
  if (bias_1HQK.defined()) scores_BHQK = scores_BHQK + bias_1HQK;
  const auto mixed_BHQd = at::matmul(scores_BHQK.softmax(-1).to(values_BHKd.scalar_type()), values_BHKd);
  return at::linear(mixed_BHQd.transpose(1, 2).flatten(2), output_DHd);
}

at::Tensor activated(Activation activation, const at::Tensor& x) {
  if (activation == Activation::relu) return at::relu(x);
  if (activation == Activation::silu) return at::silu(x);
  return at::gelu(x, activation == Activation::gelu_new ? "tanh" : "none");
}

at::Tensor mlp(const ModelConfig& config, const BlockWeights& block, const at::Tensor& x) {
  const auto into = normed(config, x, block.mlp_norm_D);
  const auto up = at::linear(into, block.up_FD);
  const auto inner = config.block.mlp == MlpKind::gated
                         ? activated(config.block.activation, at::linear(into, block.gate_FD)) * up
                         : activated(config.block.activation, up);
  return x + at::linear(inner, block.down_DF);
}

/// (1, H, queries, keys) in float32. @param table_KH of one side.
at::Tensor bias_of(const at::Tensor& table_KH, const at::Tensor& buckets_QK) {
  return at::embedding(table_KH, buckets_QK).permute({2, 0, 1}).unsqueeze(0).to(at::kFloat);
}

}  // namespace

void refuse_encoder_decoder(const ModelConfig& config, const char* what) {
  UNPACT_VALIDATE(!is_encoder_decoder(config), concat("a model of type ", config.architecture, " cannot be ", what, " yet"),
                  "it is an encoder with a decoder: such models are scored, answer and are attributed by removal, no more",
                  "use a decoder-only model");
}

at::Tensor position_buckets(const EncoderShape& shape, std::int64_t first, std::int64_t queries, std::int64_t keys,
                            bool both_sides) {
  const auto query_Q1 = at::arange(first, first + queries, at::kLong).unsqueeze(1);
  const auto distance_QK = at::arange(keys, at::kLong).unsqueeze(0) - query_Q1;
  const auto buckets = both_sides ? shape.buckets / 2 : shape.buckets, exact = buckets / 2;
  const auto apart_QK = both_sides ? distance_QK.abs() : (-distance_QK).clamp_min(0);
  const auto logarithm = (apart_QK.to(at::kFloat) / static_cast<double>(exact)).log() /
                         std::log(static_cast<double>(shape.max_distance) / static_cast<double>(exact));
  const auto far_QK = (exact + (logarithm * static_cast<double>(buckets - exact)).to(at::kLong)).clamp_max(buckets - 1);
  const auto bucket_QK = at::where(apart_QK < exact, apart_QK, far_QK);
  return both_sides ? bucket_QK + (distance_QK > 0).to(at::kLong) * buckets : bucket_QK;
}

at::Tensor encode(const Transformer& model, const at::Tensor& tokens_BS) {
  const auto& config = model.config();
  const auto& weights = model.weights();
  UNPACT_EXPECT(is_encoder_decoder(config) && tokens_BS.dim() == 2 && model.runner() == nullptr);
  const auto tokens = tokens_BS.size(1);
  const auto buckets = position_buckets(config.encoder, 0, tokens, tokens, true).to(tokens_BS.device());
  const auto bias = bias_of(weights.encoder_bias_KH, buckets);
  auto x_BSD = kernels::embedding(weights.embedding_VD, tokens_BS);
  for (const auto& block : weights.encoder_blocks) {
    const auto into = normed(config, x_BSD, block.attention_norm_D);
    x_BSD = x_BSD + attend(heads_of(config, into, block.query_HdD), heads_of(config, into, block.key_GdD),
                           heads_of(config, into, block.value_GdD), bias, block.output_DHd);
    x_BSD = mlp(config, block, x_BSD);
  }
  return normed(config, x_BSD, weights.encoder_norm_D);
}

AnswerDecoder::AnswerDecoder(const Transformer& model, const at::Tensor& memory_BSD) : model_(model) {
  UNPACT_EXPECT(is_encoder_decoder(model.config()) && memory_BSD.dim() == 3 && model.runner() == nullptr);
  for (const auto& block : model.weights().blocks)
    layers_.push_back({{},
                       {},
                       heads_of(model.config(), memory_BSD, block.cross_key_HdD),
                       heads_of(model.config(), memory_BSD, block.cross_value_HdD)});
}

at::Tensor AnswerDecoder::block(std::size_t index, const at::Tensor& x_BTD, const at::Tensor& bias_1HTK) {
  const auto& config = model_.config();
  const auto& block = model_.weights().blocks[index];
  auto& layer = layers_[index];
  const auto into = normed(config, x_BTD, block.attention_norm_D);
  const auto extend = [](at::Tensor& all, const at::Tensor& more) { all = all.defined() ? at::cat({all, more}, 2) : more; };
  extend(layer.keys_BHTd, heads_of(config, into, block.key_GdD));
  extend(layer.values_BHTd, heads_of(config, into, block.value_GdD));
  const auto onward = x_BTD + attend(heads_of(config, into, block.query_HdD), layer.keys_BHTd, layer.values_BHTd, bias_1HTK,
                                     block.output_DHd);
  const auto asking = heads_of(config, normed(config, onward, block.cross_norm_D), block.cross_query_HdD);
  return mlp(config, block,
             onward + attend(asking, layer.memory_keys_BHSd, layer.memory_values_BHSd, {}, block.cross_output_DHd));
}

at::Tensor AnswerDecoder::next(const at::Tensor& tokens_BT) {
  const auto& config = model_.config();
  const auto& weights = model_.weights();
  const auto tokens = tokens_BT.size(1), keys = length_ + tokens;
  const auto device = tokens_BT.device();
  auto bias = bias_of(weights.decoder_bias_KH, position_buckets(config.encoder, length_, tokens, keys, false).to(device));
  const auto later_TK = at::ones({tokens, keys}, at::TensorOptions().dtype(at::kBool).device(device)).triu(length_ + 1);
  bias = bias.masked_fill(later_TK, -std::numeric_limits<float>::infinity());
  auto x_BTD = kernels::embedding(weights.embedding_VD, tokens_BT);
  for (std::size_t layer = 0; layer < layers_.size(); ++layer) x_BTD = block(layer, x_BTD, bias);
  length_ = keys;
  const auto states = normed(config, x_BTD, weights.final_norm_D);
  return config.encoder.scaled_output ? states * std::pow(static_cast<double>(config.hidden_size), -0.5) : states;
}

at::Tensor answer_states(const Transformer& model, const at::Tensor& prompts_BS, const at::Tensor& answers_BT) {
  const auto start_B1 = at::full({prompts_BS.size(0), 1}, model.config().encoder.start_id, answers_BT.options());
  return AnswerDecoder(model, encode(model, prompts_BS)).next(at::cat({start_B1, answers_BT}, 1));
}

}  // namespace unpact
