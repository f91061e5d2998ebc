#include "unpact/kernels/packed_attention.hpp"

#include <ATen/ATen.h>

#include <algorithm>

#include "forms.hpp"
#include "packed_forms.hpp"

namespace unpact::kernels {
namespace {

/// Repeats each key-value head for the query heads that share it: (n, G, d) -> (1, H, n, d).
at::Tensor heads_first(const at::Tensor& x_nGd, std::int64_t heads) {
  const auto n = x_nGd.size(0), groups = x_nGd.size(1), d = x_nGd.size(2);
  return x_nGd.unsqueeze(2).expand({n, groups, heads / groups, d}).reshape({n, heads, d}).transpose(0, 1).unsqueeze(0);
}

at::Tensor join(const at::Tensor& stored, const at::Tensor& fresh, const PackedSegment& s) {
  std::vector<at::Tensor> parts;
  if (s.prefix > 0) parts.push_back(stored.narrow(0, 0, s.prefix));
  if (s.parent_rows > 0) parts.push_back(fresh.narrow(0, s.parent_begin, s.parent_rows));
  parts.push_back(fresh.narrow(0, s.begin, s.rows));
  return at::cat(parts);
}

}  // namespace

std::int64_t AttentionPlan::longest_prefix() const {
  std::int64_t longest = 0;
  for (const auto& segment : segments) longest = std::max(longest, segment.prefix);
  return longest;
}

AttentionPlan plan_attention(const std::vector<PackedSegment>& segments, bool all) {
  AttentionPlan plan;
  std::int64_t begin = 0;
  for (const auto& segment : segments) {
    const auto count = all ? segment.rows : segment.scored;
    if (count == 0) continue;
    plan.segments.push_back(segment);
    plan.queries.push_back({begin, count});
    begin += count;
  }
  return plan;
}

Form packed_attention_form(const at::Tensor& query_QHd, double cap) {
  if (is_plain(query_QHd) && !records_gradients()) return Form::cpu;
  const auto d = query_QHd.size(2);
  const auto dtype = query_QHd.scalar_type();
  const bool takes_half = (dtype == at::kHalf || dtype == at::kBFloat16) && d % 8 == 0 && d <= 256;
  const bool takes_float = dtype == at::kFloat && d % 4 == 0;
  return query_QHd.is_cuda() && cap == 0 && (takes_half || takes_float) ? Form::cuda : Form::reference;
}

at::Tensor packed_attention(const at::Tensor& query_QHd, const PackedKeys& keys, const AttentionPlan& plan,
                            const ScoreRule& rule, const ResultMemory& memory) {
  switch (packed_attention_form(query_QHd, rule.cap)) {
    case Form::cpu: return cpu::packed_attention(query_QHd, keys, plan, rule, memory);
    case Form::cuda: return cuda::packed_attention(query_QHd, keys, plan, rule.window);
    default: return packed_attention_by_definition(query_QHd, keys, plan, rule);
  }
}

at::Tensor packed_attention_by_definition(const at::Tensor& query_QHd, const PackedKeys& keys, const AttentionPlan& plan,
                                          const ScoreRule& rule) {
  auto out = at::empty_like(query_QHd);
  const auto heads = query_QHd.size(1);
  const auto whole = at::TensorOptions().dtype(at::kLong).device(query_QHd.device());
  for (std::size_t i = 0; i < plan.segments.size(); ++i) {
    const auto& segment = plan.segments[i];
    const auto [begin, count] = plan.queries[i];
    const auto all_keys = heads_first(join(keys.stored_keys_CGd, keys.keys_RGd, segment), heads);
    const auto all_values = heads_first(join(keys.stored_values_CGd, keys.values_RGd, segment), heads);
    const auto key_position = at::arange(all_keys.size(2), whole).unsqueeze(0);
    const auto position = at::arange(all_keys.size(2) - count, all_keys.size(2), whole).unsqueeze(1);
    auto seen = key_position <= position;
    if (rule.window > 0) seen = seen & (key_position > position - rule.window);
    const auto mixed = reference::attention(query_QHd.narrow(0, begin, count).transpose(0, 1).unsqueeze(0), all_keys,
                                            all_values, seen, rule.cap);
    out.narrow(0, begin, count).copy_(mixed.squeeze(0).transpose(0, 1));
  }
  return out;
}

}  // namespace unpact::kernels
