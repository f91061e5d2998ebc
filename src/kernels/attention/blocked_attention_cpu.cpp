#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>

#include "../vectorized.hpp"
#include "blocked_forms.hpp"
#include "score_rows.hpp"
#include "unpact/core/error.hpp"

namespace unpact::kernels::cpu {
namespace {

constexpr std::int64_t kPositions = kBlockPositions, kTogether = 4, kMostQueries = 32;
static_assert(kPositions == kLanes);

/// The scores of queries with one block's keys; each query's sums run over the head's numbers in order, however many queries
/// there are.
UNPACT_VECTORIZED void four_scores(const float* const* query, const float* keys_dL, std::int64_t d, float* const* scores) {
  float sums[kTogether][kLanes] = {};
  const float *a = query[0], *b = query[1], *c = query[2], *e = query[3];
  for (std::int64_t i = 0; i < d; ++i) {
    const float* const keys = keys_dL + i * kLanes;
    for (std::int64_t lane = 0; lane < kLanes; ++lane) sums[0][lane] += a[i] * keys[lane];
    for (std::int64_t lane = 0; lane < kLanes; ++lane) sums[1][lane] += b[i] * keys[lane];
    for (std::int64_t lane = 0; lane < kLanes; ++lane) sums[2][lane] += c[i] * keys[lane];
    for (std::int64_t lane = 0; lane < kLanes; ++lane) sums[3][lane] += e[i] * keys[lane];
  }
  for (std::int64_t q = 0; q < kTogether; ++q)
    for (std::int64_t lane = 0; lane < kLanes; ++lane) scores[q][lane] = sums[q][lane];
}

UNPACT_VECTORIZED void one_score(const float* query, const float* keys_dL, std::int64_t d, float* scores) {
  float sums[kLanes] = {};
  for (std::int64_t i = 0; i < d; ++i)
    for (std::int64_t lane = 0; lane < kLanes; ++lane) sums[lane] += query[i] * keys_dL[i * kLanes + lane];
  for (std::int64_t lane = 0; lane < kLanes; ++lane) scores[lane] = sums[lane];
}

/// out += weights values, kLanes numbers of a head at a time.
UNPACT_VECTORIZED void four_mixed(const float* const* weights, const float* values, std::int64_t count, std::int64_t d,
                                  float* const* out) {
  float sums[kTogether][kLanes];
  for (std::int64_t q = 0; q < kTogether; ++q)
    for (std::int64_t lane = 0; lane < kLanes; ++lane) sums[q][lane] = out[q][lane];
  const float *a = weights[0], *b = weights[1], *c = weights[2], *e = weights[3];
  for (std::int64_t k = 0; k < count; ++k) {
    const float* const value = values + k * d;
    for (std::int64_t lane = 0; lane < kLanes; ++lane) sums[0][lane] += a[k] * value[lane];
    for (std::int64_t lane = 0; lane < kLanes; ++lane) sums[1][lane] += b[k] * value[lane];
    for (std::int64_t lane = 0; lane < kLanes; ++lane) sums[2][lane] += c[k] * value[lane];
    for (std::int64_t lane = 0; lane < kLanes; ++lane) sums[3][lane] += e[k] * value[lane];
  }
  for (std::int64_t q = 0; q < kTogether; ++q)
    for (std::int64_t lane = 0; lane < kLanes; ++lane) out[q][lane] = sums[q][lane];
}

UNPACT_VECTORIZED void one_mixed(const float* weights, const float* values, std::int64_t count, std::int64_t d, float* out) {
  float sums[kLanes];
  for (std::int64_t lane = 0; lane < kLanes; ++lane) sums[lane] = out[lane];
  for (std::int64_t k = 0; k < count; ++k)
    for (std::int64_t lane = 0; lane < kLanes; ++lane) sums[lane] += weights[k] * values[k * d + lane];
  for (std::int64_t lane = 0; lane < kLanes; ++lane) out[lane] = sums[lane];
}

/// The numbers of a head beyond the last whole kLanes.
UNPACT_VECTORIZED void rest_mixed(const float* weights, const float* values, std::int64_t count, std::int64_t d,
                                  std::int64_t width, float* out) {
  for (std::int64_t k = 0; k < count; ++k)
    for (std::int64_t i = 0; i < width; ++i) out[i] += weights[k] * values[k * d + i];
}

struct Query {
  const BlockedSegment* segment;
  std::int64_t row, position;  ///< of the packed queries; in its sequence
};

/// Queries that one thread takes together, in one head.
class HeadTask {
 public:
  HeadTask(const std::vector<Query>& queries, std::size_t first, std::size_t last, const ScoreRule& rule)
      : queries_(queries.data() + first), count_(last - first), window_(rule.window), cap_(static_cast<float>(rule.cap)) {
    for (std::size_t q = 0; q < count_; ++q) blocks_ = std::max(blocks_, queries_[q].position / kPositions + 1);
  }

  std::int64_t scores() const { return static_cast<std::int64_t>(count_) * blocks_ * kPositions; }

  /// @param scratch room for scores(). @param heads numbers between two rows of query and out, in heads of d.
  void run(const float* query, float* out, const KeyValueBlocks& keys, std::int64_t group, std::int64_t stride,
           float* scratch) {
    const auto groups = keys.keys.size(1);
    d_ = keys.keys.size(2);
    key_data_ = keys.keys.const_data_ptr<float>() + group * d_ * kPositions;
    value_data_ = keys.values.const_data_ptr<float>() + group * d_ * kPositions;
    block_stride_ = groups * d_ * kPositions;
    scratch_ = scratch;
    for (std::size_t q = 0; q < count_; ++q) {
      query_[q] = query + queries_[q].row * stride;
      out_[q] = out + queries_[q].row * stride;
      std::fill(out_[q], out_[q] + d_, 0.0F);
    }
    over_blocks([this](const Run& run) { score(run); });
    to_weights();
    over_blocks([this](const Run& run) { mix(run); });
    for (std::size_t q = 0; q < count_; ++q) divide_rows({out_[q], 1, d_, d_}, sums_ + q);
  }

 private:
  /// Neighbours that look at the same block: its place in their sequences, and its number.
  struct Run {
    std::size_t first, last;
    std::int64_t place, block;
  };

  std::int64_t oldest(std::size_t q) const {
    return window_ > 0 ? std::max<std::int64_t>(0, queries_[q].position - window_ + 1) : 0;
  }
  bool looks_at(std::size_t q, std::int64_t place) const {
    return place * kPositions <= queries_[q].position && (place + 1) * kPositions > oldest(q);
  }
  std::int64_t block_of(std::size_t q, std::int64_t place) const {
    return queries_[q].segment->blocks[static_cast<std::size_t>(place)];
  }
  float* row(std::size_t q) const { return scratch_ + static_cast<std::int64_t>(q) * blocks_ * kPositions; }

  template <class Visit>
  void over_blocks(const Visit& visit) const {
    for (std::int64_t place = 0; place < blocks_; ++place) {
      for (std::size_t q = 0; q < count_;) {
        if (!looks_at(q, place)) {
          ++q;
          continue;
        }
        auto last = q + 1;
        while (last < count_ && looks_at(last, place) && block_of(last, place) == block_of(q, place)) ++last;
        visit(Run{q, last, place, block_of(q, place)});
        q = last;
      }
    }
  }

  void score(const Run& run) const {
    const float* const keys = key_data_ + run.block * block_stride_;
    float* scores[kTogether];
    auto q = run.first;
    for (; q + kTogether <= run.last; q += kTogether) {
      for (std::size_t i = 0; i < kTogether; ++i) scores[i] = row(q + i) + run.place * kPositions;
      four_scores(query_ + q, keys, d_, scores);
    }
    for (; q < run.last; ++q) one_score(query_[q], keys, d_, row(q) + run.place * kPositions);
  }

  void to_weights() {
    const float scale = 1.0F / std::sqrt(static_cast<float>(d_));
    const auto width = blocks_ * kPositions;
    for (std::size_t q = 0; q < count_; ++q)
      sums_[q] = exponentials({{row(q), row(q)}, {width, 0}, {oldest(q), 0}, {queries_[q].position + 1, 0}}, scale, cap_);
  }

  /// A query's last block may hold fewer positions that it sees: the weights of the others are 0.
  void mix(const Run& run) const {
    const float* const values = value_data_ + run.block * block_stride_;
    auto q = run.first;
    for (; q + kTogether <= run.last; q += kTogether) mix_four(q, run.place, values);
    for (; q < run.last; ++q) mix_one(q, run.place, values);
  }

  void mix_four(std::size_t q, std::int64_t place, const float* values) const {
    const float* weights[kTogether];
    float* out[kTogether];
    std::int64_t column = 0;
    for (std::size_t i = 0; i < kTogether; ++i) weights[i] = row(q + i) + place * kPositions;
    for (; column + kLanes <= d_; column += kLanes) {
      for (std::size_t i = 0; i < kTogether; ++i) out[i] = out_[q + i] + column;
      four_mixed(weights, values + column, kPositions, d_, out);
    }
    for (std::size_t i = 0; column < d_ && i < kTogether; ++i)
      rest_mixed(weights[i], values + column, kPositions, d_, d_ - column, out_[q + i] + column);
  }

  void mix_one(std::size_t q, std::int64_t place, const float* values) const {
    const float* const weights = row(q) + place * kPositions;
    std::int64_t column = 0;
    for (; column + kLanes <= d_; column += kLanes) one_mixed(weights, values + column, kPositions, d_, out_[q] + column);
    if (column < d_) rest_mixed(weights, values + column, kPositions, d_, d_ - column, out_[q] + column);
  }

  const Query* queries_;
  std::size_t count_;
  std::int64_t window_, blocks_ = 0, d_ = 0, block_stride_ = 0;
  float cap_;
  const float *key_data_ = nullptr, *value_data_ = nullptr;
  float* scratch_ = nullptr;
  const float* query_[kMostQueries] = {};
  float* out_[kMostQueries] = {};
  float sums_[kMostQueries] = {};
};

std::vector<Query> queries_of(const BlockedPlan& plan) {
  std::vector<Query> queries;
  for (const auto& s : plan.segments)
    for (std::int64_t i = 0; i < s.count; ++i) queries.push_back({&s, s.begin + i, s.length - s.count + i});
  return queries;
}

}  // namespace

void write_rows(const KeyValueBlocks& blocks, const at::Tensor& keys_RGd, const at::Tensor& values_RGd,
                const std::vector<std::int64_t>& slots) {
  const auto groups = keys_RGd.size(1), d = keys_RGd.size(2);
  const auto own_keys = keys_RGd.contiguous(), own_values = values_RGd.contiguous();
  const auto *const keys = own_keys.const_data_ptr<float>(), *const values = own_values.const_data_ptr<float>();
  auto *const to_keys = blocks.keys.mutable_data_ptr<float>(), *const to_values = blocks.values.mutable_data_ptr<float>();
  const auto rows = static_cast<std::int64_t>(slots.size());
  at::parallel_for(0, groups, 1, [&](std::int64_t begin, std::int64_t end) {
    for (auto group = begin; group < end; ++group) {
      for (std::int64_t r = 0; r < rows; ++r) {
        const auto slot = slots[static_cast<std::size_t>(r)], block = slot / kPositions, place = slot % kPositions;
        const auto from = (r * groups + group) * d, to = (block * groups + group) * d * kPositions;
        for (std::int64_t i = 0; i < d; ++i) to_keys[to + i * kPositions + place] = keys[from + i];
        std::copy(values + from, values + from + d, to_values + to + place * d);
      }
    }
  });
}

at::Tensor blocked_attention(const at::Tensor& query_QHd, const KeyValueBlocks& blocks, const BlockedPlan& plan,
                             const ScoreRule& rule, const ResultMemory& memory) {
  UNPACT_EXPECT(is_plain(query_QHd) && blocks.keys.is_contiguous() && blocks.values.is_contiguous());
  const auto out = memory ? memory(query_QHd.sizes(), query_QHd.options()) : at::empty_like(query_QHd);
  const auto heads = query_QHd.size(1), d = query_QHd.size(2), repeats = heads / blocks.keys.size(1);
  const auto queries = queries_of(plan);
  UNPACT_EXPECT(static_cast<std::int64_t>(queries.size()) == query_QHd.size(0));
  const auto parts = (queries.size() + kMostQueries - 1) / kMostQueries;
  const auto* const query = query_QHd.const_data_ptr<float>();
  auto* const result = out.mutable_data_ptr<float>();
  at::parallel_for(0, heads * static_cast<std::int64_t>(parts), 1, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> scratch;
    for (auto task = begin; task < end; ++task) {
      const auto head = task / static_cast<std::int64_t>(parts);
      const auto first = static_cast<std::size_t>(task) % parts * kMostQueries;
      HeadTask part(queries, first, std::min(queries.size(), first + kMostQueries), rule);
      if (scratch.size() < static_cast<std::size_t>(part.scores())) scratch.resize(static_cast<std::size_t>(part.scores()));
      part.run(query + head * d, result + head * d, blocks, head / repeats, heads * d, scratch.data());
    }
  });
  return out;
}

}  // namespace unpact::kernels::cpu
