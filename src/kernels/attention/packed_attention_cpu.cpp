#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>

#include "packed_forms.hpp"
#include "score_rows.hpp"
#include "unpact/core/error.hpp"

namespace unpact::kernels::cpu {
namespace {

// A block's scores of one head are written, turned into weights and read again: they should stay in a core's second-level
// cache. Blocks of fewer queries waste less above the diagonal, but make smaller products.
constexpr std::int64_t kMostQueries = 128, kFewestQueries = 16, kScoresInCache = 1 << 17;

/// Queries first..first+count-1 of one segment's range.
struct Chunk {
  const PackedSegment* segment;
  std::int64_t query_begin, count;
  std::int64_t first_row;                                                          ///< of the segment
  std::int64_t local() const { return segment->parent_rows + first_row + count; }  ///< visible rows after the store
};

/// Chunks whose queries lie one after the other and share one product with the store.
struct Block {
  std::vector<Chunk> chunks;
  std::int64_t queries = 0, prefix = 0, widest_local = 0;
  std::int64_t query_begin() const { return chunks.front().query_begin; }
};

std::vector<Block> cut_into_blocks(const AttentionPlan& plan) {
  std::int64_t longest = 1;
  for (const auto& segment : plan.segments) longest = std::max(longest, segment.position(segment.rows));
  const auto most = std::clamp(kScoresInCache / longest, kFewestQueries, kMostQueries);
  std::vector<Block> blocks;
  for (std::size_t i = 0; i < plan.segments.size(); ++i) {
    const auto& segment = plan.segments[i];
    const auto [begin, count] = plan.queries[i];
    for (std::int64_t done = 0; done < count;) {
      const auto part = std::min(most, count - done);
      if (blocks.empty() || blocks.back().queries + part > most) blocks.emplace_back();
      auto& block = blocks.back();
      block.chunks.push_back({&segment, begin + done, part, segment.rows - count + done});
      block.queries += part;
      block.prefix = std::max(block.prefix, segment.prefix);
      block.widest_local = std::max(block.widest_local, block.chunks.back().local());
      done += part;
    }
  }
  return blocks;
}

/// Views of what one query head sees, (n, d) each.
struct HeadViews {
  at::Tensor query_Qd, stored_keys_Cd, stored_values_Cd, keys_Rd, values_Rd, out_Qd;
};

Rows rows_of(const at::Tensor& x_nd) { return {x_nd.mutable_data_ptr<float>(), x_nd.size(0), x_nd.size(1), x_nd.stride(0)}; }

/// The rows after the store that a chunk sees: a view unless the segment forks from another.
at::Tensor local_rows(const at::Tensor& x_Rd, const Chunk& chunk) {
  const auto& s = *chunk.segment;
  const auto own = x_Rd.narrow(0, s.begin, chunk.local() - s.parent_rows);
  return s.parent_rows == 0 ? own : at::cat({x_Rd.narrow(0, s.parent_begin, s.parent_rows), own});
}

/// One block's attention in one head, by one thread. Weights are divided by their sum at the end, in the d numbers of a row.
class BlockAttention {
 public:
  /// @param scratch room for the block's scores.
  BlockAttention(const Block& block, const HeadViews& head, const ScoreRule& rule, const at::Tensor& scratch)
      : block_(block), head_(head), rule_(rule), stored_scores_(room(scratch, 0, block.queries, block.prefix)),
        local_room_(scratch.narrow(0, block.queries * block.prefix, block.queries * block.widest_local)) {}

  void run() {
    const auto query = head_.query_Qd.narrow(0, block_.query_begin(), block_.queries);
    auto out = head_.out_Qd.narrow(0, block_.query_begin(), block_.queries);
    if (block_.prefix > 0) at::mm_out(stored_scores_, query, head_.stored_keys_Cd.narrow(0, 0, block_.prefix).t());
    float sums[kMostQueries];
    for (const auto& chunk : block_.chunks) mix_local(chunk, sums + (chunk.query_begin - block_.query_begin()));
    if (block_.prefix > 0) out.addmm_(stored_scores_, head_.stored_values_Cd.narrow(0, 0, block_.prefix));
    divide_rows(rows_of(out), sums);
  }

 private:
  static at::Tensor room(const at::Tensor& scratch, std::int64_t begin, std::int64_t rows, std::int64_t width) {
    return scratch.narrow(0, begin, rows * width).view({rows, width});
  }

  /// Turns a chunk's scores into weights and mixes the values after the store.
  void mix_local(const Chunk& chunk, float* sums) {
    auto scores = room(local_room_, 0, chunk.count, chunk.local());
    const auto query = head_.query_Qd.narrow(0, chunk.query_begin, chunk.count);
    const auto keys = local_rows(head_.keys_Rd, chunk), values = local_rows(head_.values_Rd, chunk);
    auto out = head_.out_Qd.narrow(0, chunk.query_begin, chunk.count);
    const bool is_small = chunk.local() <= kSmallKeys;  // a product of the library takes longer to call than to run
    if (is_small) small_scores(rows_of(query), rows_of(keys), rows_of(scores));
    else at::mm_out(scores, query, keys.t());
    to_weights(chunk, scores.mutable_data_ptr<float>(), sums);
    if (is_small) small_mix(rows_of(scores), rows_of(values), rows_of(out));
    else at::mm_out(out, scores, values);
  }

  void to_weights(const Chunk& chunk, float* local, float* sums) const {
    const auto& segment = *chunk.segment;
    const auto width = block_.prefix, local_width = chunk.local();
    const auto in_block = chunk.query_begin - block_.query_begin();
    float* const stored = width > 0 ? stored_scores_.mutable_data_ptr<float>() + in_block * width : local;
    const float scale = 1.0F / std::sqrt(static_cast<float>(head_.query_Qd.size(1)));
    for (std::int64_t row = 0; row < chunk.count; ++row) {
      const auto position = segment.position(chunk.first_row + row);
      const auto oldest = rule_.window > 0 ? std::max<std::int64_t>(0, position - rule_.window + 1) : 0;
      sums[row] = exponentials({{stored + row * width, local + row * local_width},
                                {width, local_width},
                                {std::min(oldest, segment.prefix), std::max<std::int64_t>(0, oldest - segment.prefix)},
                                {segment.prefix, position - segment.prefix + 1}},
                               scale, static_cast<float>(rule_.cap));
    }
  }

  const Block& block_;
  const HeadViews& head_;
  const ScoreRule& rule_;
  at::Tensor stored_scores_, local_room_;
};

}  // namespace

at::Tensor packed_attention(const at::Tensor& query_QHd, const PackedKeys& keys, const AttentionPlan& plan,
                            const ScoreRule& rule, const ResultMemory& memory) {
  UNPACT_EXPECT(is_plain(query_QHd));
  const auto out = memory ? memory(query_QHd.sizes(), query_QHd.options()) : at::empty_like(query_QHd);
  const auto heads = query_QHd.size(1), repeats = heads / keys.keys_RGd.size(1);
  const auto blocks = cut_into_blocks(plan);
  std::int64_t most_scores = 0;
  for (const auto& block : blocks) most_scores = std::max(most_scores, block.queries * (block.prefix + block.widest_local));
  const auto count = static_cast<std::int64_t>(blocks.size());
  at::parallel_for(0, heads * count, 1, [&](std::int64_t begin, std::int64_t end) {
    const c10::InferenceMode guard;  // each thread has its own mode
    const auto scratch = at::empty({most_scores}, query_QHd.options());
    for (auto task = begin; task < end; ++task) {
      const auto head = task / count, group = head / repeats;  // all blocks of a head: they cost as much as those of another
      const auto of_group = [&](const at::Tensor& x_nGd) { return x_nGd.defined() ? x_nGd.select(1, group) : x_nGd; };
      const HeadViews views{query_QHd.select(1, head), of_group(keys.stored_keys_CGd), of_group(keys.stored_values_CGd),
                            of_group(keys.keys_RGd),   of_group(keys.values_RGd),      out.select(1, head)};
      BlockAttention(blocks[static_cast<std::size_t>(task % count)], views, rule, scratch).run();
    }
  });
  return out;
}

}  // namespace unpact::kernels::cpu
