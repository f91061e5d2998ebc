#include "unpact/model/flat_layout.hpp"

#include <ATen/ATen.h>

#include <algorithm>

namespace unpact {

FlatLayout lay_out(const std::vector<WeightSpec>& specs, int ranks, std::int64_t alignment) {
  FlatLayout layout;
  for (const auto& spec : specs) {
    std::int64_t size = 1;
    for (const auto extent : spec.shape) size *= extent;
    const auto begin = (layout.size + alignment - 1) / alignment * alignment;
    layout.slices.push_back({spec.name, spec.shape, begin, size, spec.slot});
    layout.size = begin + size;
  }
  layout.shard = (layout.size + ranks - 1) / ranks;
  return layout;
}

void copy_range(const FlatLayout& layout, std::int64_t begin, const at::Tensor& out) {
  out.zero_();
  const auto end = begin + out.numel();
  for (const auto& slice : layout.slices) {
    const auto first = std::max(begin, slice.begin), last = std::min(end, slice.begin + slice.size);
    if (first >= last) continue;
    out.narrow(0, first - begin, last - first)
        .copy_(slice.slot->detach().reshape(-1).narrow(0, first - slice.begin, last - first));
  }
}

void drop_memory(const at::Tensor& tensor) { tensor.storage().set_data_ptr_noswap(at::DataPtr(nullptr, tensor.device())); }

void hand_over_memory(const at::Tensor& to, const at::Tensor& from) {
  to.storage().set_data_ptr_noswap(from.storage().set_data_ptr(at::DataPtr(nullptr, from.device())));
}

}  // namespace unpact
