#pragma once
#include "../form.hpp"
#include "unpact/kernels/attention.hpp"

namespace unpact::kernels {

/// Our own loops and node are for causal attention where gradients are recorded, or the bits of such a pass are wanted. The
/// CUDA form is LibTorch's FlashAttention, which shares heads without copies; it takes no mask and no float32.
/// Capped scores take the reference.
Form attention_form(const at::Tensor& query_BHSd, const at::Tensor& keys_BGKd, const at::Tensor& values_BGKd,
                    const at::Tensor& mask, double cap = 0);

namespace reference {
at::Tensor attention(const at::Tensor& query_BHSd, const at::Tensor& keys_BGKd, const at::Tensor& values_BGKd,
                     const at::Tensor& mask, double cap = 0);
}  // namespace reference

namespace cpu {

/// Each token looks at itself and those before it. Weights exist for a block of queries of one head at a time, and are
/// computed again in the backward pass (Dao et al., arXiv 2205.14135).
struct CausalAttention {
  at::Tensor out_BSHd, normalizers_BHS;  ///< contiguous; log sum exp of a query's scores
};
/// @pre contiguous queries.
CausalAttention causal_attention(const at::Tensor& query_BSHd, const at::Tensor& key_BSGd, const at::Tensor& value_BSGd);

struct CausalGradients {
  at::Tensor query_BSHd, key_BSGd, value_BSGd;
};
CausalGradients causal_attention_backward(const at::Tensor& query_BSHd, const at::Tensor& key_BSGd,
                                          const at::Tensor& value_BSGd, const CausalAttention& forward,
                                          const at::Tensor& gradient_BSHd);

}  // namespace cpu

namespace cuda {
at::Tensor attention(const at::Tensor& query_BHSd, const at::Tensor& keys_BGKd, const at::Tensor& values_BGKd);
}  // namespace cuda

namespace node {
/// The form of the CPU, with a node where gradients are recorded. G divides H.
at::Tensor causal_attention(const at::Tensor& query_BSHd, const at::Tensor& key_BSGd, const at::Tensor& value_BSGd);
}  // namespace node

}  // namespace unpact::kernels
