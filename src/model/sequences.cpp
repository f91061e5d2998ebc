#include "unpact/model/sequences.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <numeric>

#include "unpact/core/error.hpp"

namespace unpact {

at::Tensor pad_right(std::span<const std::vector<TokenId>> sequences, const c10::Device& device) {
  std::size_t longest = 1;
  for (const auto& ids : sequences) longest = std::max(longest, ids.size());
  auto tokens_BS = at::zeros({static_cast<std::int64_t>(sequences.size()), static_cast<std::int64_t>(longest)}, at::kLong);
  auto* out = tokens_BS.mutable_data_ptr<std::int64_t>();
  for (const auto& ids : sequences) {
    std::copy(ids.begin(), ids.end(), out);
    out += longest;
  }
  return tokens_BS.to(device);
}

at::Tensor to_tensor(const std::vector<std::int64_t>& values, const c10::Device& device) {
  return at::tensor(values, at::kLong).to(device);
}

std::vector<std::vector<std::size_t>> pack_by_length(std::size_t count,
                                                     const std::function<std::size_t(std::size_t)>& length,
                                                     std::size_t token_budget) {
  UNPACT_EXPECT(token_budget > 0);
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return length(a) > length(b); });
  std::vector<std::vector<std::size_t>> batches;
  std::size_t longest = 0;
  for (const auto item : order) {
    // Longest first: the first item of a batch sets its padded length.
    if (batches.empty() || (batches.back().size() + 1) * longest > token_budget) {
      batches.emplace_back();
      longest = std::max<std::size_t>(length(item), 1);
    }
    batches.back().push_back(item);
  }
  return batches;
}

}  // namespace unpact
