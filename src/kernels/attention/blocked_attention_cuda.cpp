#include <ATen/ATen.h>

#include <algorithm>

#include "blocked_forms.hpp"
#include "packed_forms.hpp"

namespace unpact::kernels {
namespace {

constexpr std::int64_t kGatheredKeys = 1 << 18;  // keys copied together

at::Tensor int32_tensor(const std::vector<std::int64_t>& values, const c10::Device& device) {
  return at::tensor(values, at::kLong).to(at::kInt).to(device);
}

GatheredGroup make_group(const BlockedPlan& plan, std::size_t first, std::size_t last, const c10::Device& device) {
  GatheredGroup group;
  group.query_begin = plan.segments[first].begin;
  std::vector<std::int64_t> index, query_offsets = {0}, key_offsets = {0};
  for (auto i = first; i < last; ++i) {
    const auto& s = plan.segments[i];
    for (std::int64_t k = 0; k < s.length; ++k)
      index.push_back(s.blocks[static_cast<std::size_t>(k / kBlockPositions)] * kBlockPositions + k % kBlockPositions);
    group.longest_query = std::max(group.longest_query, s.count);
    group.longest_key = std::max(group.longest_key, s.length);
    query_offsets.push_back(query_offsets.back() + s.count);
    key_offsets.push_back(static_cast<std::int64_t>(index.size()));
  }
  group.queries = query_offsets.back();
  group.key_index = at::tensor(index, at::kLong).to(device);
  group.query_offsets = int32_tensor(query_offsets, device);
  group.key_offsets = int32_tensor(key_offsets, device);
  return group;
}

}  // namespace

at::Tensor cuda::blocked_attention(const at::Tensor& query_QHd, const KeyValueBlocks& blocks, const BlockedPlan& plan,
                                   std::int64_t window) {
  for (std::size_t first = 0; plan.gathered.groups.empty() && first < plan.segments.size();) {
    std::vector<GatheredGroup> groups;
    while (first < plan.segments.size()) {
      std::int64_t keys = 0;
      auto last = first;
      for (; last < plan.segments.size(); ++last) {
        keys += plan.segments[last].length;
        if (last > first && keys > kGatheredKeys) break;
      }
      groups.push_back(make_group(plan, first, last, query_QHd.device()));
      first = last;
    }
    plan.gathered.groups = std::move(groups);
  }
  const PackedKeys rows{{}, {}, blocks.keys.flatten(0, 1), blocks.values.flatten(0, 1)};
  return cuda::packed_attention(query_QHd, rows, plan.gathered, window);
}

}  // namespace unpact::kernels
