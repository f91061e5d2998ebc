#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "../softmax_rows.hpp"
#include "../vectorized.hpp"
#include "forms.hpp"

namespace unpact::kernels::cpu {
namespace {

// Scores of a block of queries are written, turned into weights and read again: they should stay in a core's second-level
// cache, and the triangle that a block computes in vain should be small.
constexpr std::int64_t kBlockQueries = 64;

/// Row statistics and weights of attention scores, for columns 0..seen-1; the columns after them become 0.
struct Row {
  float* scores;
  std::int64_t seen, width;
};

/// scores = exp(scale * (score - shift)). @return their sum.
float exponentials(const Row& row, float scale, float shift) {
  const float sum = exponential_sum(row.scores, row.scores, row.seen, shift, scale);
  std::fill(row.scores + row.seen, row.scores + row.width, 0.0F);
  return sum;
}

/// scores = exp(scale * score - normalizer): the weights themselves.
UNPACT_VECTORIZED void weights_again(const Row& row, float scale, float normalizer) {
  for (std::int64_t i = 0; i < row.seen; ++i) row.scores[i] = exponential(scale * row.scores[i] - normalizer);
  for (std::int64_t i = row.seen; i < row.width; ++i) row.scores[i] = 0.0F;
}

/// Gradients of the weights into those of the scores: scale * weight * (gradient - mean gradient).
UNPACT_VECTORIZED void score_gradients(const Row& weights, float* gradients, float scale, float mean) {
  for (std::int64_t i = 0; i < weights.width; ++i) gradients[i] = scale * weights.scores[i] * (gradients[i] - mean);
}

UNPACT_VECTORIZED float product(const float* a, const float* b, std::int64_t count) {
  float sums[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    for (std::int64_t lane = 0; lane < kLanes; ++lane) sums[lane] += a[i + lane] * b[i + lane];
  for (; i < count; ++i) sums[0] += a[i] * b[i];
  return lane_total(sums);
}

/// The matrix of one sequence and head, (S, d), a view.
at::Tensor head_of(const at::Tensor& x_BSHd, std::int64_t sequence, std::int64_t head) {
  return x_BSHd.select(0, sequence).select(1, head);
}

/// Calls visit(sequence, head) for all of them, on several threads; one pair never splits over two.
template <typename Visit>
void for_each_head(const at::Tensor& query_BSHd, const Visit& visit) {
  const auto heads = query_BSHd.size(2);
  const bool is_inference = c10::InferenceMode::is_enabled();
  at::parallel_for(0, query_BSHd.size(0) * heads, 1, [&](std::int64_t begin, std::int64_t end) {
    const c10::NoGradGuard no_gradients;  // each thread has its own modes
    std::optional<c10::InferenceMode> inference;
    if (is_inference) inference.emplace();
    for (auto task = begin; task < end; ++task) visit(task / heads, task % heads);
  });
}

/// One head of one sequence: keys and values side by side in memory, and a block of scores.
struct HeadScratch {
  at::Tensor keys_Sd, values_Sd, scores;

  HeadScratch(const at::Tensor& key_BSGd, const at::Tensor& value_BSGd, std::int64_t sequence, std::int64_t group)
      : keys_Sd(head_of(key_BSGd, sequence, group).contiguous()),
        values_Sd(head_of(value_BSGd, sequence, group).contiguous()),
        scores(at::empty({kBlockQueries * keys_Sd.size(0)}, keys_Sd.options())) {}

  /// q k^T of a block's queries with all keys up to its last one.
  at::Tensor block_scores(const at::Tensor& query_nd, std::int64_t width) const {
    auto out = scores.narrow(0, 0, query_nd.size(0) * width).view({query_nd.size(0), width});
    return at::mm_out(out, query_nd, keys_Sd.narrow(0, 0, width).t());
  }
};

float score_scale(const at::Tensor& query_BSHd) { return 1.0F / std::sqrt(static_cast<float>(query_BSHd.size(3))); }

void attend_head(const at::Tensor& query_Sd, const HeadScratch& scratch, float scale, const at::Tensor& out_Sd,
                 float* normalizers_S) {
  const auto tokens = query_Sd.size(0), head_dim = query_Sd.size(1), out_stride = out_Sd.stride(0);
  for (std::int64_t first = 0; first < tokens; first += kBlockQueries) {
    const auto count = std::min(kBlockQueries, tokens - first), width = first + count;
    const auto scores_nK = scratch.block_scores(query_Sd.narrow(0, first, count), width);
    float sums[kBlockQueries];
    for (std::int64_t i = 0; i < count; ++i) {
      const Row row{scores_nK.mutable_data_ptr<float>() + i * width, first + i + 1, width};
      const float top = largest(row.scores, row.seen, kLowest);
      sums[i] = exponentials(row, scale, top);
      normalizers_S[first + i] = scale * top + std::log(sums[i]);
    }
    auto out_nd = out_Sd.narrow(0, first, count);
    at::mm_out(out_nd, scores_nK, scratch.values_Sd.narrow(0, 0, width));
    float* const mixed = out_nd.mutable_data_ptr<float>();
    for (std::int64_t i = 0; i < count; ++i) multiply(mixed + i * out_stride, head_dim, 1.0F / sums[i]);
  }
}

/// Tensors of one head's backward pass, (S, d).
struct HeadGradients {
  at::Tensor query, out, out_gradient;                      // given
  at::Tensor query_gradient, key_gradient, value_gradient;  // to fill
};

void differentiate_head(const HeadGradients& g, const HeadScratch& scratch, float scale, const float* normalizers_S) {
  const auto tokens = g.query.size(0), head_dim = g.query.size(1);
  auto key_sum_Sd = at::zeros({tokens, head_dim}, g.query.options()), value_sum_Sd = at::zeros_like(key_sum_Sd);
  const auto slopes = at::empty_like(scratch.scores);
  for (std::int64_t first = 0; first < tokens; first += kBlockQueries) {
    const auto count = std::min(kBlockQueries, tokens - first), width = first + count;
    const auto query_nd = g.query.narrow(0, first, count), out_nd = g.out.narrow(0, first, count);
    const auto gradient_nd = g.out_gradient.narrow(0, first, count);
    const auto weights_nK = scratch.block_scores(query_nd, width);
    auto slopes_nK = slopes.narrow(0, 0, count * width).view({count, width});
    at::mm_out(slopes_nK, gradient_nd, scratch.values_Sd.narrow(0, 0, width).t());
    for (std::int64_t i = 0; i < count; ++i) {
      const Row row{weights_nK.mutable_data_ptr<float>() + i * width, first + i + 1, width};
      weights_again(row, scale, normalizers_S[first + i]);
      const float mean = product(gradient_nd.const_data_ptr<float>() + i * gradient_nd.stride(0),
                                 out_nd.const_data_ptr<float>() + i * out_nd.stride(0), head_dim);
      score_gradients(row, slopes_nK.mutable_data_ptr<float>() + i * width, scale, mean);
    }
    value_sum_Sd.narrow(0, 0, width).addmm_(weights_nK.t(), gradient_nd);
    key_sum_Sd.narrow(0, 0, width).addmm_(slopes_nK.t(), query_nd);
    auto query_gradient_nd = g.query_gradient.narrow(0, first, count);
    at::mm_out(query_gradient_nd, slopes_nK, scratch.keys_Sd.narrow(0, 0, width));
  }
  g.key_gradient.copy_(key_sum_Sd);
  g.value_gradient.copy_(value_sum_Sd);
}

/// Sums over the query heads that share a key-value head: (B, S, H, d) -> (B, S, G, d).
at::Tensor shared_sum(const at::Tensor& x_BSHd, std::int64_t groups) {
  if (groups == x_BSHd.size(2)) return x_BSHd;
  return x_BSHd.unflatten(2, {groups, -1}).sum(3);
}

}  // namespace

CausalAttention causal_attention(const at::Tensor& query_BSHd, const at::Tensor& key_BSGd, const at::Tensor& value_BSGd) {
  const auto tokens = query_BSHd.size(1), heads = query_BSHd.size(2), repeats = heads / key_BSGd.size(2);
  CausalAttention result{at::empty(query_BSHd.sizes(), query_BSHd.options()),
                         at::empty({query_BSHd.size(0), heads, tokens}, query_BSHd.options())};
  for_each_head(query_BSHd, [&](std::int64_t b, std::int64_t h) {
    attend_head(head_of(query_BSHd, b, h), HeadScratch(key_BSGd, value_BSGd, b, h / repeats), score_scale(query_BSHd),
                head_of(result.out_BSHd, b, h), result.normalizers_BHS.mutable_data_ptr<float>() + (b * heads + h) * tokens);
  });
  return result;
}

CausalGradients causal_attention_backward(const at::Tensor& query_BSHd, const at::Tensor& key_BSGd,
                                          const at::Tensor& value_BSGd, const CausalAttention& forward,
                                          const at::Tensor& gradient_BSHd) {
  const auto tokens = query_BSHd.size(1), heads = query_BSHd.size(2), groups = key_BSGd.size(2), repeats = heads / groups;
  const auto query_gradient = at::empty_like(query_BSHd), key_gradient = at::empty_like(query_BSHd);
  const auto value_gradient = at::empty_like(query_BSHd);
  for_each_head(query_BSHd, [&](std::int64_t b, std::int64_t h) {
    const HeadGradients head{head_of(query_BSHd, b, h),     head_of(forward.out_BSHd, b, h), head_of(gradient_BSHd, b, h),
                             head_of(query_gradient, b, h), head_of(key_gradient, b, h),     head_of(value_gradient, b, h)};
    differentiate_head(head, HeadScratch(key_BSGd, value_BSGd, b, h / repeats), score_scale(query_BSHd),
                       forward.normalizers_BHS.const_data_ptr<float>() + (b * heads + h) * tokens);
  });
  return {query_gradient, shared_sum(key_gradient, groups), shared_sum(value_gradient, groups)};
}

}  // namespace unpact::kernels::cpu
