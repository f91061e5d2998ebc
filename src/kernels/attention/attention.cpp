#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include "forms.hpp"
#include "unpact/kernels/soft_cap.hpp"
#include "unpact/kernels/training_bits.hpp"

namespace unpact::kernels {

namespace {

constexpr std::int64_t kCappedWeights = std::int64_t{1} << 24;  // that exist at once where no graph needs them: 64 MiB

/// With explicit weights, of some queries at a time.
at::Tensor capped_attention(const at::Tensor& query_BHSd, const at::Tensor& keys_BHKd, const at::Tensor& values_BHKd,
                            const at::Tensor& mask, double cap) {
  const auto tokens = query_BHSd.size(2), all = keys_BHKd.size(2);
  const auto most = std::max<std::int64_t>(1, kCappedWeights / (query_BHSd.size(0) * query_BHSd.size(1) * all));
  const auto mixed = [&](const at::Tensor& query, const at::Tensor& seen) {
    const auto weights = attention_weights(query, keys_BHKd, seen, cap);
    return at::matmul(weights.to(values_BHKd.scalar_type()), values_BHKd);
  };
  if (records_gradients() || tokens <= most) return mixed(query_BHSd, mask);
  const auto options = query_BHSd.options().dtype(at::kBool);
  const auto seen = mask.defined() ? mask : at::ones({tokens, all}, options).tril(all - tokens);
  std::vector<at::Tensor> parts;
  for (std::int64_t first = 0; first < tokens; first += most) {
    const auto count = std::min(most, tokens - first);
    parts.push_back(
        mixed(query_BHSd.narrow(2, first, count), seen.size(-2) == tokens ? seen.narrow(-2, first, count) : seen));
  }
  return at::cat(parts, 2);
}

}  // namespace

Form attention_form(const at::Tensor& query_BHSd, const at::Tensor& keys_BGKd, const at::Tensor& values_BGKd,
                    const at::Tensor& mask, double cap) {
  if (mask.defined() || cap != 0) return Form::reference;
  const auto query_BSHd = query_BHSd.transpose(1, 2), keys_BKGd = keys_BGKd.transpose(1, 2);
  const auto values_BKGd = values_BGKd.transpose(1, 2);
  const bool is_square = keys_BKGd.size(1) == query_BSHd.size(1);
  if (is_square && is_plain(query_BSHd) && keys_BKGd.is_contiguous() && values_BKGd.is_contiguous()) {
    if (records_gradients()) return Form::node;
    if (TrainingBits::active()) return Form::cpu;
  }
  return query_BHSd.is_cuda() && query_BHSd.scalar_type() != at::kFloat ? Form::cuda : Form::reference;
}

at::Tensor reference::attention(const at::Tensor& query_BHSd, const at::Tensor& keys_BGKd, const at::Tensor& values_BGKd,
                                const at::Tensor& mask, double cap) {
  const auto heads = query_BHSd.size(1);
  if (cap != 0)
    return capped_attention(query_BHSd, share_heads(keys_BGKd, heads), share_heads(values_BGKd, heads), mask, cap);
  std::optional<at::Tensor> seen;
  if (mask.defined()) seen = mask;
  return at::scaled_dot_product_attention(query_BHSd, share_heads(keys_BGKd, heads), share_heads(values_BGKd, heads), seen,
                                          /*dropout_p=*/0.0, /*is_causal=*/!mask.defined());
}

at::Tensor cuda::attention(const at::Tensor& query_BHSd, const at::Tensor& keys_BGKd, const at::Tensor& values_BGKd) {
  return at::scaled_dot_product_attention(query_BHSd, keys_BGKd, values_BGKd, std::nullopt, /*dropout_p=*/0.0,
                                          /*is_causal=*/true,
                                          /*scale=*/std::nullopt, /*enable_gqa=*/keys_BGKd.size(1) != query_BHSd.size(1));
}

at::Tensor attention(const at::Tensor& query_BHSd, const at::Tensor& keys_BGKd, const at::Tensor& values_BGKd,
                     const at::Tensor& mask, double cap) {
  const auto tokens_first = [](const at::Tensor& x) { return x.transpose(1, 2); };
  switch (attention_form(query_BHSd, keys_BGKd, values_BGKd, mask, cap)) {
    case Form::cpu:
      return cpu::causal_attention(tokens_first(query_BHSd), tokens_first(keys_BGKd), tokens_first(values_BGKd))
          .out_BSHd.transpose(1, 2);
    case Form::node:
      return node::causal_attention(tokens_first(query_BHSd), tokens_first(keys_BGKd), tokens_first(values_BGKd))
          .transpose(1, 2);
    case Form::cuda: return cuda::attention(query_BHSd, keys_BGKd, values_BGKd);
    default: return reference::attention(query_BHSd, keys_BGKd, values_BGKd, mask, cap);
  }
}

at::Tensor attention_weights(const at::Tensor& query_BHSd, const at::Tensor& keys_BHKd, const at::Tensor& mask, double cap) {
  const auto tokens = query_BHSd.size(2), all = keys_BHKd.size(2);
  const auto everything = query_BHSd.options().dtype(at::kBool);
  const auto seen = mask.defined() ? mask : at::ones({tokens, all}, everything).tril(all - tokens);
  const double root = std::sqrt(static_cast<double>(query_BHSd.size(3)));
  const auto scores = soft_capped(at::matmul(query_BHSd, keys_BHKd.transpose(2, 3)).to(at::kFloat) / root, cap);
  return scores.masked_fill(seen.logical_not(), -std::numeric_limits<double>::infinity()).softmax(-1);
}

at::Tensor share_heads(const at::Tensor& x_BGSd, std::int64_t heads) {
  const auto groups = x_BGSd.size(1), repeats = heads / groups;
  if (repeats == 1) return x_BGSd;
  return x_BGSd.unsqueeze(2)
      .expand({-1, -1, repeats, -1, -1})
      .reshape({x_BGSd.size(0), heads, x_BGSd.size(2), x_BGSd.size(3)});
}

}  // namespace unpact::kernels
