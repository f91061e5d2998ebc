#pragma once
/// For tests that need a GPU: they skip elsewhere, saying so.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "support/tiny_architectures.hpp"

namespace unpact::testing_support {

#define UNPACT_NEED_CUDA \
  if (!at::hasCUDA()) GTEST_SKIP() << "no GPU is visible"

/// tiny_config_of with heads whose size CUDA's attention kernels take.
inline ModelConfig cuda_config_of(const std::string& name) {
  auto config = tiny_config_of(name);
  config.head_dim = 8;
  config.hidden_size = 32;
  return config;
}

inline Transformer changed(const Transformer& model, const std::function<at::Tensor(const at::Tensor&)>& change) {
  auto weights = clone_weights(model.weights());
  change_weights(model.config(), weights, change);
  return Transformer(model.config(), std::move(weights));
}

/// The same weights on the first GPU.
inline Transformer on_cuda(const Transformer& model, at::ScalarType dtype = at::kFloat) {
  return changed(model, [dtype](const at::Tensor& weight) { return weight.to(at::Device(at::kCUDA, 0), dtype); });
}

/// The same weights on the CPU, rounded to bfloat16 and back: what a GPU in bfloat16 starts from.
inline Transformer rounded(const Transformer& model) {
  return changed(model, [](const at::Tensor& weight) { return weight.to(at::kBFloat16).to(at::kFloat); });
}

}  // namespace unpact::testing_support
