#include <ATen/ATen.h>

#include <algorithm>

#include "../gather/forms.hpp"
#include "packed_forms.hpp"
#include "unpact/core/error.hpp"

namespace unpact::kernels {
namespace {

constexpr std::int64_t kGatheredKeys = 1 << 16;     // keys copied together: bounds the memory of many short segments
constexpr std::int64_t kCausalFromBottomRight = 2;  // of _efficient_attention_forward's custom_mask_type

at::Tensor int32_tensor(const std::vector<std::int64_t>& values, const c10::Device& device) {
  return at::tensor(values, at::kLong).to(at::kInt).to(device);
}

GatheredGroup make_group(const AttentionPlan& plan, std::size_t first, std::size_t last, std::int64_t stored,
                         const c10::Device& device) {
  GatheredGroup group;
  group.query_begin = plan.queries[first].begin;
  std::vector<std::int64_t> index, query_offsets = {0}, key_offsets = {0};
  for (auto i = first; i < last; ++i) {
    const auto& s = plan.segments[i];
    for (std::int64_t k = 0; k < s.prefix; ++k) index.push_back(k);
    for (std::int64_t k = 0; k < s.parent_rows; ++k) index.push_back(stored + s.parent_begin + k);
    for (std::int64_t k = 0; k < s.rows; ++k) index.push_back(stored + s.begin + k);
    group.longest_query = std::max(group.longest_query, plan.queries[i].count);
    group.longest_key = std::max(group.longest_key, s.position(s.rows));
    query_offsets.push_back(query_offsets.back() + plan.queries[i].count);
    key_offsets.push_back(static_cast<std::int64_t>(index.size()));
  }
  group.queries = query_offsets.back();
  group.key_index = at::tensor(index, at::kLong).to(device);
  group.query_offsets = int32_tensor(query_offsets, device);
  group.key_offsets = int32_tensor(key_offsets, device);
  return group;
}

void make_groups(const AttentionPlan& plan, std::int64_t stored, const c10::Device& device) {
  for (std::size_t first = 0; first < plan.segments.size();) {
    std::int64_t keys = 0;
    auto last = first;
    while (last < plan.segments.size()) {
      keys += plan.segments[last].position(plan.segments[last].rows);
      if (last > first && keys > kGatheredKeys) break;
      ++last;
    }
    plan.groups.push_back(make_group(plan, first, last, stored, device));
    first = last;
  }
}

/// Both kernels align the causal mask with the ends of queries and keys, which is where a segment's queries stand.
at::Tensor flash(const at::Tensor& query, const at::Tensor& keys, const at::Tensor& values, const GatheredGroup& group,
                 std::int64_t window) {
  std::optional<std::int64_t> left, right;
  if (window > 0) {
    left = window - 1;
    right = 0;
  }
  return std::get<0>(at::_flash_attention_forward(query, keys, values, group.query_offsets, group.key_offsets,
                                                  group.longest_query, group.longest_key, /*dropout_p=*/0.0,
                                                  /*is_causal=*/true,
                                                  /*return_debug_mask=*/false, /*scale=*/std::nullopt, left, right));
}

at::Tensor efficient(const at::Tensor& query, const at::Tensor& keys, const at::Tensor& values, const GatheredGroup& group,
                     std::int64_t window) {
  const auto repeats = query.size(1) / keys.size(1);
  const auto all_heads = [&](const at::Tensor& x) {
    return (repeats == 1 ? x : x.repeat_interleave(repeats, 1)).unsqueeze(0);
  };
  std::optional<std::int64_t> window_size;
  if (window > 0) window_size = window;
  return std::get<0>(
             at::_efficient_attention_forward(query.unsqueeze(0), all_heads(keys), all_heads(values), std::nullopt,
                                              group.query_offsets, group.key_offsets, group.longest_query, group.longest_key,
                                              /*dropout_p=*/0.0, kCausalFromBottomRight, /*compute_log_sumexp=*/false,
                                              /*scale=*/std::nullopt, /*seqlen_k=*/std::nullopt, window_size))
      .squeeze(0);
}

}  // namespace

at::Tensor cuda::packed_attention(const at::Tensor& query_QHd, const PackedKeys& keys, const AttentionPlan& plan,
                                  std::int64_t window) {
  UNPACT_EXPECT(packed_attention_form(query_QHd) == Form::cuda);
  const auto stored = plan.longest_prefix();
  if (plan.groups.empty()) make_groups(plan, stored, query_QHd.device());
  std::vector<at::Tensor> parts;
  for (const auto& group : plan.groups) {
    const auto query = query_QHd.narrow(0, group.query_begin, group.queries);
    const auto [group_keys, group_values] =
        gather_rows(keys.stored_keys_CGd, keys.stored_values_CGd, stored, keys.keys_RGd, keys.values_RGd, group.key_index);
    parts.push_back(query.scalar_type() == at::kFloat ? efficient(query, group_keys, group_values, group, window)
                                                      : flash(query, group_keys, group_values, group, window));
  }
  return parts.size() == 1 ? parts.front() : at::cat(parts);
}

}  // namespace unpact::kernels
