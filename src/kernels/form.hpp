#pragma once
/// Every operation of this layer exists in several forms that compute the same. Each folder has one function, <operation>_form,
/// that says which of them runs for given tensors; what these functions ask of a tensor stands here.
#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>

namespace unpact::kernels {

enum class Form {
  reference,  ///< tensor operations, the definition: every device and dtype
  cpu,        ///< loops of our own over float32
  cuda,       ///< kernels of our own, or LibTorch's where one does the whole operation
  node,       ///< the loops or kernels as a node of autograd's graph with a backward pass of its own
};

inline bool records_gradients() { return c10::GradMode::is_enabled(); }

/// What the loops for the CPU take: float32, contiguous.
inline bool is_plain(const at::Tensor& x) { return x.is_cpu() && x.scalar_type() == at::kFloat && x.is_contiguous(); }

namespace cuda {
/// What the kernels for CUDA take: contiguous, float32, bfloat16 or float16; in a build without CUDA nothing.
bool fits(const at::Tensor& x);
}  // namespace cuda

/// For operations that have all forms.
inline Form form_of(const at::Tensor& x) {
  const bool plain = is_plain(x);
  if (!plain && !cuda::fits(x)) return Form::reference;
  if (records_gradients()) return Form::node;
  return plain ? Form::cpu : Form::cuda;
}

}  // namespace unpact::kernels
