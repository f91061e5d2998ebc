#pragma once
/// Attention of packed sequences: each segment's last queries look at [its part of the store | its parent | itself].
///
/// Legend of shapes: Q queries of a pass, R rows of a pass, C positions of the store, H query heads, G key-value heads,
/// d head size.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "unpact/kernels/result_memory.hpp"
#include "unpact/kernels/score_rule.hpp"

namespace unpact::kernels {

/// Consecutive rows of a pass that belong to one sequence. Its row j stands at position prefix + parent_rows + j and
/// sees the first `prefix` positions of the store, the `parent_rows` rows of the pass from `parent_begin` on (a
/// sequence can fork: several endings after one middle), and the segment's rows up to itself.
struct PackedSegment {
  std::int64_t begin = 0, rows = 0, prefix = 0;
  std::int64_t parent_begin = 0, parent_rows = 0;
  std::int64_t scored = 0;  ///< how many of its last rows are wanted
  std::int64_t position(std::int64_t row) const { return prefix + parent_rows + row; }
};

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
  std::vector<QueryRange> queries;            ///< one a segment
  mutable std::vector<GatheredGroup> groups;  ///< made by the first call on CUDA
  std::int64_t longest_prefix() const;
};

/// @param all whether every row asks, or the scored rows alone.
AttentionPlan plan_attention(const std::vector<PackedSegment>& segments, bool all);

struct PackedKeys {
  at::Tensor stored_keys_CGd, stored_values_CGd;  ///< undefined: nothing is in front
  at::Tensor keys_RGd, values_RGd;
};

/// (Q, H, d) -> (Q, H, d), on the CPU perhaps in `memory`. A query at position p sees positions k with p - window < k <= p;
/// window 0: all. Gradients only by the definition, which is also what computes capped scores on CUDA.
at::Tensor packed_attention(const at::Tensor& query_QHd, const PackedKeys& keys, const AttentionPlan& plan,
                            const ScoreRule& rule, const ResultMemory& memory = {});

/// The definition: one attention a segment, with keys and values copied together.
at::Tensor packed_attention_by_definition(const at::Tensor& query_QHd, const PackedKeys& keys, const AttentionPlan& plan,
                                          const ScoreRule& rule);

}  // namespace unpact::kernels
