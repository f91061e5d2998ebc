#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "fused_node.hpp"
#include "unpact/kernels/fused_nodes.hpp"
#include "unpact/core/error.hpp"
#include "vectorized.hpp"

namespace unpact::fused {
namespace {

using torch::autograd::variable_list;

// Scores of a block of queries are written, turned into weights and read again: they should stay in a core's second-level
// cache, and the triangle that a block computes in vain should be small.
constexpr std::int64_t kBlockQueries = 64;

/// Row statistics and weights of attention scores, for columns 0..seen-1; the columns behind become 0.
struct Row {
  float* scores;
  std::int64_t seen, width;
};

UNPACT_VECTORIZED float largest(const float* x, std::int64_t count) {
  float best[cpu::kLanes];
  for (float& value : best) value = std::numeric_limits<float>::lowest();
  std::int64_t i = 0;
  for (; i + cpu::kLanes <= count; i += cpu::kLanes)
    for (std::int64_t lane = 0; lane < cpu::kLanes; ++lane) best[lane] = x[i + lane] > best[lane] ? x[i + lane] : best[lane];
  for (; i < count; ++i) best[0] = x[i] > best[0] ? x[i] : best[0];
  for (std::int64_t half = cpu::kLanes / 2; half > 0; half /= 2)
    for (std::int64_t lane = 0; lane < half; ++lane) best[lane] = std::max(best[lane], best[lane + half]);
  return best[0];
}

/// scores = exp(scale * (score - shift)). @return their sum.
UNPACT_VECTORIZED float exponentials(const Row& row, float scale, float shift) {
  float sums[cpu::kLanes] = {};
  std::int64_t i = 0;
  for (; i + cpu::kLanes <= row.seen; i += cpu::kLanes)
    for (std::int64_t lane = 0; lane < cpu::kLanes; ++lane) {
      const float term = cpu::exponential(scale * (row.scores[i + lane] - shift));
      row.scores[i + lane] = term;
      sums[lane] += term;
    }
  for (; i < row.seen; ++i) {
    row.scores[i] = cpu::exponential(scale * (row.scores[i] - shift));
    sums[0] += row.scores[i];
  }
  for (i = row.seen; i < row.width; ++i) row.scores[i] = 0.0F;
  return cpu::lane_total(sums);
}

/// scores = exp(scale * score - normalizer): the weights themselves.
UNPACT_VECTORIZED void weights_again(const Row& row, float scale, float normalizer) {
  for (std::int64_t i = 0; i < row.seen; ++i) row.scores[i] = cpu::exponential(scale * row.scores[i] - normalizer);
  for (std::int64_t i = row.seen; i < row.width; ++i) row.scores[i] = 0.0F;
}

/// Gradients of the weights into those of the scores: scale * weight * (gradient - mean gradient).
UNPACT_VECTORIZED void score_gradients(const Row& weights, float* gradients, float scale, float mean) {
  for (std::int64_t i = 0; i < weights.width; ++i) gradients[i] = scale * weights.scores[i] * (gradients[i] - mean);
}

UNPACT_VECTORIZED void multiply(float* x, std::int64_t count, float factor) {
  for (std::int64_t i = 0; i < count; ++i) x[i] *= factor;
}

UNPACT_VECTORIZED float product(const float* a, const float* b, std::int64_t count) {
  float sums[cpu::kLanes] = {};
  std::int64_t i = 0;
  for (; i + cpu::kLanes <= count; i += cpu::kLanes)
    for (std::int64_t lane = 0; lane < cpu::kLanes; ++lane) sums[lane] += a[i + lane] * b[i + lane];
  for (; i < count; ++i) sums[0] += a[i] * b[i];
  return cpu::lane_total(sums);
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
      const float top = largest(row.scores, row.seen);
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
  at::Tensor query, out, out_gradient;                       // given
  at::Tensor query_gradient, key_gradient, value_gradient;   // to fill
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

/// Edges: query, key, value. Saved: the same, the output, the rows' normalizers.
class CausalAttentionNode final : public FusedNode {
 public:
  using FusedNode::FusedNode;

  variable_list apply(variable_list&& gradients) override {
    const c10::NoGradGuard guard;
    if (!gradients[0].defined()) return variable_list(3);
    const auto &query = saved(0), &key = saved(1), &value = saved(2), &out = saved(3), &normalizers_BHS = saved(4);
    const auto gradient = gradients[0].contiguous();
    const auto query_gradient = at::empty_like(query), key_gradient = at::empty_like(query);
    const auto value_gradient = at::empty_like(query);
    const auto repeats = query.size(2) / key.size(2);
    for_each_head(query, [&](std::int64_t b, std::int64_t h) {
      const HeadGradients head{head_of(query, b, h),          head_of(out, b, h),          head_of(gradient, b, h),
                               head_of(query_gradient, b, h), head_of(key_gradient, b, h), head_of(value_gradient, b, h)};
      differentiate_head(head, HeadScratch(key, value, b, h / repeats), score_scale(query),
                         normalizers_BHS.const_data_ptr<float>() + (b * query.size(2) + h) * query.size(1));
    });
    return {query_gradient, shared_sum(key_gradient, key.size(2)), shared_sum(value_gradient, key.size(2))};
  }
  std::string name() const override { return "CausalAttentionNode"; }
};

}  // namespace

at::Tensor causal_attention(const at::Tensor& query_BSHd, const at::Tensor& key_BSGd, const at::Tensor& value_BSGd) {
  UNPACT_EXPECT(query_BSHd.dim() == 4 && key_BSGd.dim() == 4 && key_BSGd.sizes() == value_BSGd.sizes());
  for (const auto axis : {0, 1, 3}) UNPACT_EXPECT(query_BSHd.size(axis) == key_BSGd.size(axis));
  UNPACT_EXPECT(query_BSHd.size(2) % key_BSGd.size(2) == 0);
  const auto query = query_BSHd.detach().contiguous(), key = key_BSGd.detach(), value = value_BSGd.detach();
  const auto out = at::empty(query.sizes(), query.options());
  const auto normalizers_BHS = at::empty({query.size(0), query.size(2), query.size(1)}, query.options());
  const auto repeats = query.size(2) / key.size(2);
  for_each_head(query, [&](std::int64_t b, std::int64_t h) {
    attend_head(head_of(query, b, h), HeadScratch(key, value, b, h / repeats), score_scale(query), head_of(out, b, h),
                normalizers_BHS.mutable_data_ptr<float>() + (b * query.size(2) + h) * query.size(1));
  });
  record<CausalAttentionNode>({query_BSHd, key_BSGd, value_BSGd}, {out},
                              std::vector<at::Tensor>{query, key, value, out.detach(), normalizers_BHS});
  return out;
}

}  // namespace unpact::fused
