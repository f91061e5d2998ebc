#pragma once
#include <ATen/core/Tensor.h>

#include <functional>

namespace unpact::kernels {

/// Gives contiguous memory of a shape for a result, so that a caller may use one buffer again and again. Operations return it
/// where they say so, or where their form for the CPU runs, and else fresh memory; an empty function is none.
using ResultMemory = std::function<at::Tensor(at::IntArrayRef shape, const at::TensorOptions& options)>;

}  // namespace unpact::kernels
