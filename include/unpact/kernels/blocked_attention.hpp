#pragma once
/// Attention over keys and values that lie in blocks of positions, which sequences share where they begin alike: each row of
/// a pass looks at the positions of its own sequence up to itself. On the CPU in float32 a row's result does not depend on
/// what else is in the pass.
///
/// Legend of shapes: N blocks, Q queries and R rows of a pass, H query heads, G key-value heads, d head size.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "unpact/kernels/packed_attention.hpp"
#include "unpact/kernels/result_memory.hpp"

namespace unpact::kernels {

inline constexpr std::int64_t kBlockPositions = 32;

/// Keys and values of one layer. On the CPU in float32 the keys of a block stand side by side, (N, G, d, positions), and the
/// values are (N, G, positions, d); elsewhere both are (N, positions, G, d).
struct KeyValueBlocks {
  at::Tensor keys, values;
};

/// Blocks of zeros.
KeyValueBlocks make_blocks(std::int64_t count, std::int64_t groups, std::int64_t head_dim, const at::TensorOptions& options);

/// Row r goes to position slots[r] % kBlockPositions of block slots[r] / kBlockPositions.
void write_rows(const KeyValueBlocks& blocks, const at::Tensor& keys_RGd, const at::Tensor& values_RGd,
                const std::vector<std::int64_t>& slots);

void copy_block(const KeyValueBlocks& blocks, std::int64_t from, std::int64_t to);

/// Consecutive queries of one sequence: the last `count` of its positions 0 .. length-1, which lie in `blocks` in order.
struct BlockedSegment {
  std::int64_t begin = 0, count = 0, length = 0;
  std::vector<std::int64_t> blocks;
};

struct BlockedPlan {
  std::vector<BlockedSegment> segments;  ///< cover the queries in order; neighbours that share blocks run faster
  mutable AttentionPlan gathered;        ///< made by the first call on CUDA
};

/// (Q, H, d) -> (Q, H, d), on the CPU perhaps in `memory`. @param rule as in packed_attention(). No gradients.
at::Tensor blocked_attention(const at::Tensor& query_QHd, const KeyValueBlocks& blocks, const BlockedPlan& plan,
                             const ScoreRule& rule, const ResultMemory& memory = {});

/// The definition: one attention a segment, with keys and values copied together.
at::Tensor blocked_attention_by_definition(const at::Tensor& query_QHd, const KeyValueBlocks& blocks,
                                           const BlockedPlan& plan, const ScoreRule& rule);

}  // namespace unpact::kernels
