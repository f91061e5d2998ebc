#include "unpact/kernels/blocked_attention.hpp"

#include <ATen/ATen.h>

#include "blocked_forms.hpp"
#include "forms.hpp"
#include "packed_forms.hpp"
#include "unpact/core/error.hpp"

namespace unpact::kernels {
namespace {

at::Tensor on(const at::Tensor& like, const std::vector<std::int64_t>& values) {
  return at::tensor(values, at::kLong).to(like.device());
}

/// A sequence's keys or values, for the query heads that share them: (1, H, length, d).
at::Tensor heads_of(const at::Tensor& x, const BlockedSegment& segment, std::int64_t heads, bool turned, bool is_key) {
  auto part = x.index_select(0, on(x, segment.blocks));
  if (turned) part = is_key ? part.permute({0, 3, 1, 2}) : part.permute({0, 2, 1, 3});
  const auto all_nGd = part.flatten(0, 1).narrow(0, 0, segment.length);
  const auto groups = all_nGd.size(1);
  return all_nGd.repeat_interleave(heads / groups, 1).transpose(0, 1).unsqueeze(0);
}

}  // namespace

bool has_turned_keys(const at::TensorOptions& options) {
  return options.device().is_cpu() && c10::typeMetaToScalarType(options.dtype()) == at::kFloat;
}

KeyValueBlocks make_blocks(std::int64_t count, std::int64_t groups, std::int64_t head_dim,
                           const at::TensorOptions& options) {
  const auto plain = options.requires_grad(false);
  if (has_turned_keys(options))
    return {at::zeros({count, groups, head_dim, kBlockPositions}, plain),
            at::zeros({count, groups, kBlockPositions, head_dim}, plain)};
  return {at::zeros({count, kBlockPositions, groups, head_dim}, plain),
          at::zeros({count, kBlockPositions, groups, head_dim}, plain)};
}

void write_rows(const KeyValueBlocks& blocks, const at::Tensor& keys_RGd, const at::Tensor& values_RGd,
                const std::vector<std::int64_t>& slots) {
  UNPACT_EXPECT(static_cast<std::int64_t>(slots.size()) == keys_RGd.size(0));
  if (has_turned_keys(blocks.keys.options())) return cpu::write_rows(blocks, keys_RGd, values_RGd, slots);
  const auto at_slots = on(blocks.keys, slots);
  blocks.keys.flatten(0, 1).index_copy_(0, at_slots, keys_RGd);
  blocks.values.flatten(0, 1).index_copy_(0, at_slots, values_RGd);
}

void copy_block(const KeyValueBlocks& blocks, std::int64_t from, std::int64_t to) {
  blocks.keys.select(0, to).copy_(blocks.keys.select(0, from));
  blocks.values.select(0, to).copy_(blocks.values.select(0, from));
}

Form blocked_attention_form(const at::Tensor& query_QHd, double cap) {
  const auto form = packed_attention_form(query_QHd, cap);
  return form == Form::cuda || is_plain(query_QHd) ? form : Form::reference;
}

at::Tensor blocked_attention(const at::Tensor& query_QHd, const KeyValueBlocks& blocks, const BlockedPlan& plan,
                             const ScoreRule& rule, const ResultMemory& memory) {
  switch (blocked_attention_form(query_QHd, rule.cap)) {
    case Form::cpu: return cpu::blocked_attention(query_QHd, blocks, plan, rule, memory);
    case Form::cuda: return cuda::blocked_attention(query_QHd, blocks, plan, rule.window);
    default: return blocked_attention_by_definition(query_QHd, blocks, plan, rule);
  }
}

at::Tensor blocked_attention_by_definition(const at::Tensor& query_QHd, const KeyValueBlocks& blocks,
                                           const BlockedPlan& plan, const ScoreRule& rule) {
  auto out = at::empty_like(query_QHd);
  const auto heads = query_QHd.size(1);
  const bool turned = has_turned_keys(blocks.keys.options());
  const auto whole = at::TensorOptions().dtype(at::kLong).device(query_QHd.device());
  for (const auto& segment : plan.segments) {
    const auto keys = heads_of(blocks.keys, segment, heads, turned, true),
               values = heads_of(blocks.values, segment, heads, turned, false);
    const auto key_position = at::arange(segment.length, whole).unsqueeze(0);
    const auto position = at::arange(segment.length - segment.count, segment.length, whole).unsqueeze(1);
    auto seen = key_position <= position;
    if (rule.window > 0) seen = seen & (key_position > position - rule.window);
    const auto query = query_QHd.narrow(0, segment.begin, segment.count).transpose(0, 1).unsqueeze(0);
    const auto mixed = reference::attention(query, keys, values, seen, rule.cap);
    out.narrow(0, segment.begin, segment.count).copy_(mixed.squeeze(0).transpose(0, 1));
  }
  return out;
}

}  // namespace unpact::kernels
