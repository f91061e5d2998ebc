#pragma once
/// For tests: small random Llamas that need no files.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "unpact/core/error.hpp"
#include "unpact/core/random.hpp"
#include "unpact/model/transformer.hpp"
#include "unpact/text/tokenizer.hpp"

namespace unpact::testing_support {

inline ModelConfig tiny_config() {
  ModelConfig config;
  config.vocabulary_size = 61;
  config.hidden_size = 24;
  config.intermediate_size = 40;
  config.layers = 3;
  config.heads = 4;
  config.key_value_heads = 2;
  config.head_dim = 6;
  config.max_positions = 96;
  config.initializer_range = 0.2;  // far from uniform answers
  config.bos_id = 1;
  config.eos_ids = {};
  return config;
}

/// Norm weights are not 1, so that one that is not applied shows.
inline Transformer tiny_transformer(std::uint64_t seed, const ModelConfig& config = tiny_config()) {
  auto weights = random_weights(config, seed);
  std::uint64_t stream = 0;
  for (auto& [name, tensor] : named_tensors(weights)) {
    if (tensor.dim() != 1) continue;
    for (std::int64_t i = 0; i < tensor.numel(); ++i)
      tensor[i] += 0.2 * random_normal(seed, stream, static_cast<std::uint64_t>(i));
    ++stream;
  }
  if (config.block.head_bias)
    weights.head_VD.narrow(1, config.hidden_size, 1).copy_(at::linspace(-1, 1, config.vocabulary_size).unsqueeze(1));
  return Transformer(config, std::move(weights));
}

inline std::vector<TokenId> random_ids(std::size_t count, std::uint64_t seed, std::int64_t vocabulary = 61) {
  std::vector<TokenId> ids;
  for (std::size_t i = 0; i < count; ++i)
    ids.push_back(static_cast<TokenId>(random_below(static_cast<std::uint64_t>(vocabulary), seed, 7, i)));
  return ids;
}

inline at::Tensor row_of(const std::vector<TokenId>& ids) { return at::tensor(ids, at::kLong).unsqueeze(0); }

/// log softmax of every position's logits, (S, V), by one plain forward.
inline at::Tensor log_probabilities(const Transformer& model, const std::vector<TokenId>& ids) {
  return model.logits(model.hidden(row_of(ids))).squeeze(0).log_softmax(1);
}

inline bool same_bits(const at::Tensor& a, const at::Tensor& b) {
  return a.sizes() == b.sizes() && a.scalar_type() == b.scalar_type() && at::equal(a.detach(), b.detach());
}

/// The first weight that differs in any bit, or an empty string.
inline std::string first_difference(const Weights& a, const Weights& b) {
  const auto left = named_tensors(a), right = named_tensors(b);
  if (left.size() != right.size()) return "the number of weights";
  for (std::size_t i = 0; i < left.size(); ++i)
    if (left[i].first != right[i].first || !same_bits(left[i].second, right[i].second)) return left[i].first;
  return {};
}

/// |a - b| / |b| of all weights together.
inline double relative_difference(const Weights& a, const Weights& b) {
  const auto left = named_tensors(a), right = named_tensors(b);
  UNPACT_EXPECT(left.size() == right.size());
  double difference = 0, size = 0;
  for (std::size_t i = 0; i < left.size(); ++i) {
    difference += (left[i].second - right[i].second).square().sum().item<double>();
    size += right[i].second.square().sum().item<double>();
  }
  return std::sqrt(difference / size);
}

/// Puts NaN into one element of the named weight.
inline void spoil(Weights& weights, const std::string& name) {
  for (auto& [key, tensor] : named_tensors(weights))
    if (key == name) tensor.view(-1)[0] = std::numeric_limits<float>::quiet_NaN();
}

}  // namespace unpact::testing_support
