#pragma once
/// What stands inside an MLP: act(gate) * up (Shazeer, arXiv 2002.05202), or act(x) alone.
#include <ATen/core/Tensor.h>

namespace unpact::kernels {

/// arXiv 1702.03118; arXiv 1606.08415 in its tanh form, and by erf; max(x, 0)
enum class Activation { silu, gelu_tanh, gelu, relu };

/// act(gate) * up; without gradients perhaps in the memory of `gate`, which is not used again.
at::Tensor gated_product(Activation activation, at::Tensor gate, const at::Tensor& up);

/// act(x); without gradients in the memory of x.
at::Tensor activated(Activation activation, at::Tensor x);

}  // namespace unpact::kernels
