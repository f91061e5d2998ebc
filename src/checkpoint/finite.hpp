#pragma once
/// Are all numbers finite? Reads the bits once, without a temporary tensor.
#include <ATen/core/Tensor.h>

namespace unpact {

/// @pre contiguous, on the CPU, float32, float16 or bfloat16.
bool all_finite(const at::Tensor& values);

}  // namespace unpact
