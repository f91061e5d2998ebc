#pragma once
/// For benchmarks: a model of random weights, made on the device, since billions of random numbers take a CPU minutes.
#include <ATen/ATen.h>

#include "unpact/model/transformer.hpp"

namespace unpact::bench {

inline Transformer random_model(const ModelConfig& config, const at::TensorOptions& options) {
  at::manual_seed(1);
  Weights weights;
  for (auto& spec : weight_specs(config, weights))
    *spec.slot = spec.shape.size() == 1 ? at::ones(spec.shape, options) : at::empty(spec.shape, options).normal_(0.0, 0.02);
  if (config.tied_embeddings) weights.head_VD = weights.embedding_VD;
  return {config, std::move(weights)};
}

}  // namespace unpact::bench
