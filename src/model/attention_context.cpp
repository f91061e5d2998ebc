#include "unpact/model/attention_context.hpp"

#include <ATen/ATen.h>

#include "unpact/core/error.hpp"
#include "unpact/kernels/attention.hpp"
#include "unpact/model/operation_count.hpp"

namespace unpact {
namespace {

/// The mask of one window, made once: layers with the same window share it.
template <typename Make>
at::Tensor remembered(std::map<std::int64_t, at::Tensor>& masks, std::int64_t window, const Make& make) {
  auto& mask = masks[window];
  if (!mask.defined()) mask = make();
  return mask;
}

}  // namespace

at::Tensor AttentionContext::attend(const at::Tensor& query_BHSd, const at::Tensor& keys_BGKd, const at::Tensor& values_BGKd,
                                    const kernels::ScoreRule& rule) const {
  return kernels::attention(query_BHSd, keys_BGKd, values_BGKd, mask(rule.window), rule.cap);
}

double AttentionContext::pairs(std::int64_t sequences, std::int64_t queries, std::int64_t keys, std::int64_t) const {
  return static_cast<double>(sequences * queries) * static_cast<double>(keys);
}

double CausalContext::pairs(std::int64_t sequences, std::int64_t queries, std::int64_t, std::int64_t window) const {
  return static_cast<double>(sequences) * causal_pairs(queries, window);
}

KeysValues CausalContext::extend(std::int64_t, at::Tensor keys_BGSd, at::Tensor values_BGSd) {
  if (tokens_ != keys_BGSd.size(2)) masks_.clear();
  tokens_ = keys_BGSd.size(2);
  options_ = at::TensorOptions().dtype(at::kBool).device(keys_BGSd.device());
  return {std::move(keys_BGSd), std::move(values_BGSd)};
}

at::Tensor CausalContext::mask(std::int64_t window) const {
  // Without a mask the causal kernel skips half of the work.
  if (window == 0 || window >= tokens_) return {};
  return remembered(masks_, window, [&] { return at::ones({tokens_, tokens_}, options_).tril().triu(1 - window); });
}

KeysValues RecordingContext::extend(std::int64_t layer, at::Tensor keys_BGSd, at::Tensor values_BGSd) {
  UNPACT_EXPECT(layer == static_cast<std::int64_t>(layers_.size()));
  layers_.push_back({keys_BGSd, values_BGSd});
  return CausalContext::extend(layer, std::move(keys_BGSd), std::move(values_BGSd));
}

PrefixContext::PrefixContext(const std::vector<KeysValues>& recorded, std::int64_t length, std::int64_t new_tokens)
    : recorded_(recorded), length_(length) {
  UNPACT_EXPECT(!recorded.empty() && length >= 0 && length <= recorded[0].keys_BGSd.size(2));
  const auto options = at::TensorOptions().dtype(at::kBool).device(recorded[0].keys_BGSd.device());
  mask_ = at::ones({new_tokens, length + new_tokens}, options).tril(length);
}

KeysValues PrefixContext::extend(std::int64_t layer, at::Tensor keys_BGSd, at::Tensor values_BGSd) {
  const auto& prefix = recorded_[static_cast<std::size_t>(layer)];
  const auto join = [&](const at::Tensor& recorded_1GPd, const at::Tensor& fresh_BGSd) {
    const auto shared = recorded_1GPd.narrow(2, 0, length_).expand({fresh_BGSd.size(0), -1, -1, -1});
    return at::cat({shared, fresh_BGSd}, 2);
  };
  return {join(prefix.keys_BGSd, keys_BGSd), join(prefix.values_BGSd, values_BGSd)};
}

at::Tensor PrefixContext::mask(std::int64_t window) const {
  if (window == 0 || window >= mask_.size(1)) return mask_;
  return remembered(masks_, window, [&] { return mask_.triu(length_ + 1 - window); });
}

GenerationCache::GenerationCache(const std::vector<KeysValues>& prompts, at::Tensor lengths_B, std::int64_t capacity)
    : lengths_B_(std::move(lengths_B)), capacity_(capacity) {
  const auto grown = [&](const at::Tensor& t_BGSd) {
    UNPACT_EXPECT(t_BGSd.size(2) <= capacity_);
    auto wide = at::zeros({t_BGSd.size(0), t_BGSd.size(1), capacity_, t_BGSd.size(3)}, t_BGSd.options());
    wide.narrow(2, 0, t_BGSd.size(2)).copy_(t_BGSd);
    return wide;
  };
  for (const auto& layer : prompts) layers_.push_back({grown(layer.keys_BGSd), grown(layer.values_BGSd)});
  rows_B_ = at::arange(lengths_B_.size(0), lengths_B_.options());
}

KeysValues GenerationCache::extend(std::int64_t layer, at::Tensor keys_B1, at::Tensor values_B1) {
  auto& cached = layers_[static_cast<std::size_t>(layer)];
  // cached[b, :, lengths[b], :] = new[b, :, 0, :]
  cached.keys_BGSd.transpose(1, 2).index_put_({rows_B_, lengths_B_}, keys_B1.squeeze(2));
  cached.values_BGSd.transpose(1, 2).index_put_({rows_B_, lengths_B_}, values_B1.squeeze(2));
  return cached;
}

at::Tensor GenerationCache::next_positions() const { return lengths_B_.unsqueeze(1); }

void GenerationCache::advance() {
  lengths_B_ = lengths_B_ + 1;
  masks_.clear();
}

at::Tensor GenerationCache::mask(std::int64_t window) const {
  return remembered(masks_, window, [&] {
    const auto positions = at::arange(capacity_, lengths_B_.options()).unsqueeze(0), newest = lengths_B_.unsqueeze(1);
    auto seen = positions <= newest;
    if (window > 0) seen = seen & (positions > newest - window);
    return seen.view({-1, 1, 1, capacity_});
  });
}

}  // namespace unpact
