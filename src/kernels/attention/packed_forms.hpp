#pragma once
#include "../form.hpp"
#include "unpact/kernels/packed_attention.hpp"

namespace unpact::kernels {

/// @param cap ScoreRule::cap: LibTorch's kernels for CUDA take none.
Form packed_attention_form(const at::Tensor& query_QHd, double cap = 0);

namespace cpu {
/// For float32: neighbouring segments share one product with the store, whose keys are not copied.
at::Tensor packed_attention(const at::Tensor& query_QHd, const PackedKeys& keys, const AttentionPlan& plan,
                            const ScoreRule& rule, const ResultMemory& memory);
}  // namespace cpu

namespace cuda {
/// Through LibTorch's kernels for sequences of different length: FlashAttention-2 (arXiv 2307.08691) in half precision, the
/// memory-efficient kernel for float32. @pre packed_attention_form is cuda.
at::Tensor packed_attention(const at::Tensor& query_QHd, const PackedKeys& keys, const AttentionPlan& plan,
                            std::int64_t window);
}  // namespace cuda

}  // namespace unpact::kernels
