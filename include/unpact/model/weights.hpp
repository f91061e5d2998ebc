#pragma once
/// A model's weights as plain tensors with their Hugging Face names.
///
/// Legend of shapes: V vocabulary, D hidden size, F MLP width, H query heads, G key-value heads, d head size.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "unpact/model/config.hpp"

namespace unpact {

struct BlockWeights {
  at::Tensor attention_norm_D;
  at::Tensor query_HdD, key_GdD, value_GdD, output_DHd;
  at::Tensor mlp_norm_D;
  at::Tensor gate_FD, up_FD, down_DF;
};

struct Weights {
  at::Tensor embedding_VD;
  std::vector<BlockWeights> blocks;
  at::Tensor final_norm_D;
  at::Tensor head_VD;  ///< the same tensor as embedding_VD when tied
};

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

/// Every weight once, under its Hugging Face name, in a fixed order; a tied head is not repeated. The tensors share
/// storage with `weights`.
NamedTensors named_tensors(const Weights& weights);

/// One expected weight.
struct WeightSpec {
  std::string name;
  std::vector<std::int64_t> shape;
  at::Tensor* slot;  ///< where it lives in the Weights
};

/// What a model of this config consists of, in the order of named_tensors. `weights.blocks` is resized.
std::vector<WeightSpec> weight_specs(const ModelConfig& config, Weights& weights);

/// Random weights as transformers initializes Llama: normal(0, initializer_range), norms 1. Depends on the seed alone.
Weights random_weights(const ModelConfig& config, std::uint64_t seed);

/// An independent copy that no gradient flows through.
Weights clone_weights(const Weights& weights);

}  // namespace unpact
