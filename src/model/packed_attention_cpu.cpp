#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>

#include "cpu_kernels.hpp"
#include "packed_attention.hpp"
#include "unpact/core/error.hpp"
#include "workspace.hpp"

namespace unpact {
namespace {

// A block's scores are written, turned into weights and read again: they should stay in a core's second-level cache.
constexpr std::int64_t kBlockQueries = 128, kScoresInCache = 1 << 18;

/// Queries first..first+count-1 of one segment's range.
struct Chunk {
  const PackedSegment* segment;
  std::int64_t query_begin, count;
  std::int64_t first_row;  ///< of the segment
  std::int64_t local() const { return segment->parent_rows + first_row + count; }  ///< visible rows behind the store
};

/// Chunks that share one product with the store.
struct Block {
  std::vector<Chunk> chunks;
  std::int64_t queries = 0, prefix = 0;
};

std::vector<Block> cut_into_blocks(const AttentionPlan& plan) {
  std::vector<Block> blocks(1);
  for (std::size_t i = 0; i < plan.segments.size(); ++i) {
    const auto& segment = plan.segments[i];
    const auto [begin, count] = plan.queries[i];
    for (std::int64_t done = 0; done < count;) {
      const auto part = std::min(kBlockQueries, count - done);
      if (blocks.back().queries + part > kBlockQueries) blocks.emplace_back();
      auto& block = blocks.back();
      block.chunks.push_back({&segment, begin + done, part, segment.rows - count + done});
      block.queries += part;
      block.prefix = std::max(block.prefix, segment.prefix);
      done += part;
    }
  }
  return blocks;
}

/// One block on the key-value heads first_head..first_head+G-1. Inside a block rows lie by key-value head, chunk, query
/// head of the group, query: (G, repeats * queries, .), so that each chunk and the whole are plain matrices.
class BlockAttention {
 public:
  BlockAttention(const Block& block, const at::Tensor& query_QHd, const PackedKeys& keys, std::int64_t window,
                 std::int64_t first_head, std::int64_t groups, Workspace& workspace)
      : block_(block), keys_(keys), workspace_(workspace), window_(window), first_head_(first_head), groups_(groups),
        repeats_(query_QHd.size(1) / keys.keys_RGd.size(1)), head_dim_(query_QHd.size(2)),
        query_GXd_(workspace.take(Workspace::block_query, {groups, repeats_ * block.queries, head_dim_}, query_QHd.options())) {
    std::int64_t at_row = 0;
    for (const auto& chunk : block_.chunks) {
      query_part(query_GXd_, at_row, chunk.count).copy_(outer_part(query_QHd, chunk));
      at_row += chunk.count;
    }
  }

  void run(at::Tensor& out_QHd) {
    at::Tensor stored_scores;
    if (block_.prefix > 0) {
      const auto stored = heads(keys_.stored_keys_CGd.narrow(0, 0, block_.prefix));
      stored_scores = product(Workspace::stored_scores, query_GXd_, stored.transpose(1, 2));
    }
    std::int64_t at_row = 0;
    for (const auto& chunk : block_.chunks) {
      const auto query = query_GXd_.narrow(1, repeats_ * at_row, repeats_ * chunk.count);
      auto scores = product(Workspace::local_scores, query, local(keys_.keys_RGd, chunk).transpose(1, 2));
      to_weights(stored_scores, at_row, scores, chunk);
      const auto mixed = product(Workspace::local_mixed, scores, local(keys_.values_RGd, chunk));
      outer_part(out_QHd, chunk).copy_(mixed.unflatten(1, {repeats_, chunk.count}));
      at_row += chunk.count;
    }
    if (block_.prefix > 0) add_stored(stored_scores, out_QHd);
  }

 private:
  at::Tensor heads(const at::Tensor& x_nGd) const { return x_nGd.narrow(1, first_head_, groups_).transpose(0, 1); }

  /// The rows behind the store that a chunk sees: (G, n, d), a view unless the segment forks from another.
  at::Tensor local(const at::Tensor& x_RGd, const Chunk& chunk) const {
    const auto& s = *chunk.segment;
    const auto own = x_RGd.narrow(0, s.begin, chunk.local() - s.parent_rows);
    return heads(s.parent_rows == 0 ? own : at::cat({x_RGd.narrow(0, s.parent_begin, s.parent_rows), own}));
  }

  /// A chunk's rows of a tensor in the block's order, as (G, repeats, queries, .).
  at::Tensor query_part(const at::Tensor& x_GXd, std::int64_t at_row, std::int64_t count) const {
    return x_GXd.narrow(1, repeats_ * at_row, repeats_ * count).unflatten(1, {repeats_, count});
  }

  /// The same rows in the order of the pass.
  at::Tensor outer_part(const at::Tensor& x_QHd, const Chunk& chunk) const {
    return x_QHd.narrow(0, chunk.query_begin, chunk.count).unflatten(1, {-1, repeats_}).narrow(1, first_head_, groups_)
        .permute({1, 2, 0, 3});
  }

  void to_weights(const at::Tensor& stored, std::int64_t at_row, at::Tensor& fresh, const Chunk& chunk) const {
    const auto& segment = *chunk.segment;
    const auto width = block_.prefix, local_width = chunk.local(), in_block = repeats_ * block_.queries;
    float* const stored_data = width > 0 ? stored.mutable_data_ptr<float>() : nullptr;
    float* const fresh_data = fresh.mutable_data_ptr<float>();
    const float scale = 1.0F / std::sqrt(static_cast<float>(head_dim_));
    const auto rows = repeats_ * chunk.count;
    at::parallel_for(0, groups_ * rows, 16, [&](std::int64_t begin, std::int64_t end) {
      for (auto i = begin; i < end; ++i) {
        const auto head = i / rows, row = i % rows, position = segment.position(chunk.first_row + row % chunk.count);
        const auto oldest = window_ > 0 ? std::max<std::int64_t>(0, position - window_ + 1) : 0;
        cpu::ScoreRow pieces{};
        pieces.values[0] = width > 0 ? stored_data + (head * in_block + repeats_ * at_row + row) * width : fresh_data;
        pieces.width[0] = width;
        pieces.begin[0] = std::min(oldest, segment.prefix);
        pieces.end[0] = segment.prefix;
        pieces.values[1] = fresh_data + i * local_width;
        pieces.width[1] = local_width;
        pieces.begin[1] = std::max<std::int64_t>(0, oldest - segment.prefix);
        pieces.end[1] = position - segment.prefix + 1;
        cpu::softmax(pieces, scale);
      }
    });
  }

  void add_stored(const at::Tensor& weights, at::Tensor& out_QHd) const {
    const auto mixed = product(Workspace::block_mixed, weights, heads(keys_.stored_values_CGd.narrow(0, 0, block_.prefix)));
    std::int64_t at_row = 0;
    for (const auto& chunk : block_.chunks) {
      outer_part(out_QHd, chunk).add_(query_part(mixed, at_row, chunk.count));
      at_row += chunk.count;
    }
  }

  at::Tensor product(Workspace::Slot slot, const at::Tensor& a, const at::Tensor& b) const {
    auto out = workspace_.take(slot, {a.size(0), a.size(1), b.size(2)}, a.options());
    return at::bmm_out(out, a, b);
  }

  const Block& block_;
  const PackedKeys& keys_;
  Workspace& workspace_;
  std::int64_t window_, first_head_, groups_, repeats_, head_dim_;
  at::Tensor query_GXd_;
};

}  // namespace

at::Tensor attend_cpu(const at::Tensor& query_QHd, const PackedKeys& keys, const AttentionPlan& plan, std::int64_t window, Workspace& workspace) {
  UNPACT_EXPECT(query_QHd.is_cpu() && query_QHd.scalar_type() == at::kFloat && query_QHd.is_contiguous());
  auto out = workspace.take(Workspace::mixed, query_QHd.sizes(), query_QHd.options());
  const auto groups = keys.keys_RGd.size(1), repeats = query_QHd.size(1) / groups;
  for (const auto& block : cut_into_blocks(plan)) {
    std::int64_t widest = 0;
    for (const auto& chunk : block.chunks) widest = std::max(widest, chunk.local());
    const auto together = std::clamp<std::int64_t>(kScoresInCache / (repeats * block.queries * (block.prefix + widest)), 1, groups);
    for (std::int64_t head = 0; head < groups; head += together)
      BlockAttention(block, query_QHd, keys, window, head, std::min(together, groups - head), workspace).run(out);
  }
  return out;
}

}  // namespace unpact
