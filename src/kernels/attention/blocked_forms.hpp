#pragma once
#include "../form.hpp"
#include "unpact/kernels/blocked_attention.hpp"

namespace unpact::kernels {

/// Whether blocks of these options have the layout of the CPU's loops.
bool has_turned_keys(const at::TensorOptions& options);

Form blocked_attention_form(const at::Tensor& query_QHd, double cap = 0);

namespace cpu {
void write_rows(const KeyValueBlocks& blocks, const at::Tensor& keys_RGd, const at::Tensor& values_RGd,
                const std::vector<std::int64_t>& slots);
at::Tensor blocked_attention(const at::Tensor& query_QHd, const KeyValueBlocks& blocks, const BlockedPlan& plan,
                             const ScoreRule& rule, const ResultMemory& memory);
}  // namespace cpu

namespace cuda {
/// Gathers keys and values of the segments, and runs the kernel of packed_attention().
at::Tensor blocked_attention(const at::Tensor& query_QHd, const KeyValueBlocks& blocks, const BlockedPlan& plan,
                             std::int64_t window);
}  // namespace cuda

}  // namespace unpact::kernels
