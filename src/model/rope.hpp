#pragma once
/// Rotary position embedding (Su et al., arXiv 2104.09864): its frequencies.
#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include "unpact/checkpoint/config.hpp"

namespace unpact {

/// Angle per position of each channel pair: (d/2) float32. @param local for blocks that turn locally
/// (ModelConfig::turns_locally).
at::Tensor rotary_frequencies(const ModelConfig& config, const c10::Device& device, bool local);

}  // namespace unpact
