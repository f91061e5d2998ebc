#pragma once
#include <ATen/core/Tensor.h>

namespace unpact::kernels {

/// cap * tanh(x / cap) (Gemma Team, arXiv 2408.00118); x itself where cap is 0. Rounds as transformers does.
at::Tensor soft_capped(const at::Tensor& x, double cap);

/// The same in place, without gradients.
void soft_cap_in_place(at::Tensor x, double cap);

/// In place: gradients by soft_capped(x) into those by x, given the capped values.
void soft_cap_backward(at::Tensor gradient, const at::Tensor& capped, double cap);

}  // namespace unpact::kernels
