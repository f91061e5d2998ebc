#pragma once
/// Attention of packed sequences: each segment's last queries look at [its part of the store | its parent | itself].
///
/// Legend of shapes: Q queries of a pass, R rows of a pass, C positions of the store, H query heads, G key-value heads,
/// d head size.
#include <ATen/core/Tensor.h>

#include <vector>

#include "unpact/inference/packed_pass.hpp"

namespace unpact {

/// One segment's queries: its last `count` rows, standing at `begin` of the packed queries.
struct QueryRange {
  std::int64_t begin = 0, count = 0;
};

/// Segments whose keys are gathered together on CUDA, with the index that gathers them.
struct GatheredGroup {
  std::int64_t query_begin = 0, queries = 0, longest_query = 0, longest_key = 0;
  at::Tensor key_index, query_offsets, key_offsets;
};

/// Who asks and who is asked; the same for every block of a pass.
struct AttentionPlan {
  std::vector<PackedSegment> segments;
  std::vector<QueryRange> queries;        ///< one a segment
  mutable std::vector<GatheredGroup> groups;  ///< made by the first call of attend_cuda
  std::int64_t longest_prefix() const;
};

/// @param all whether every row asks, or the scored rows alone.
AttentionPlan plan_attention(const std::vector<PackedSegment>& segments, bool all);

struct PackedKeys {
  at::Tensor stored_keys_CGd, stored_values_CGd;  ///< undefined: nothing is in front
  at::Tensor keys_RGd, values_RGd;
};

/// (Q, H, d) -> (Q, H, d). A query at position p sees positions k with p - window < k <= p; window 0: all.
/// The definition: one call of scaled_dot_product_attention a segment, with keys and values copied together.
at::Tensor attend_plain(const at::Tensor& query_QHd, const PackedKeys& keys, const AttentionPlan& plan, std::int64_t window);

/// The same for float32 on the CPU: neighbouring segments share one product with the store, whose keys are not copied.
/// @return memory of the workspace.
at::Tensor attend_cpu(const at::Tensor& query_QHd, const PackedKeys& keys, const AttentionPlan& plan, std::int64_t window,
                      Workspace& workspace);

/// The same on CUDA through LibTorch's kernels for sequences of different length: FlashAttention-2 (arXiv 2307.08691) in
/// half precision, the memory-efficient kernel for float32. @pre cuda_kernel_fits
at::Tensor attend_cuda(const at::Tensor& query_QHd, const PackedKeys& keys, const AttentionPlan& plan, std::int64_t window);

/// Whether attend_cuda has a kernel for these queries.
bool cuda_kernel_fits(const at::Tensor& query_QHd);

}  // namespace unpact
