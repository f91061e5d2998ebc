#include "share_prompts.hpp"

#include <algorithm>
#include <numeric>

namespace unpact {

OrderedPrompts order_by_beginning(const std::vector<std::vector<TokenId>>& prompts, std::size_t new_tokens) {
  OrderedPrompts ordered;
  ordered.order.resize(prompts.size());
  std::iota(ordered.order.begin(), ordered.order.end(), 0);
  std::ranges::stable_sort(ordered.order, [&](auto a, auto b) { return prompts[a] < prompts[b]; });
  const std::vector<TokenId> none;
  const auto* before = &none;
  for (const auto i : ordered.order) {
    const auto& prompt = prompts[i];
    const auto shared = std::ranges::mismatch(prompt, *before).in1 - prompt.begin();
    ordered.costs.push_back(prompt.size() - static_cast<std::size_t>(shared) + new_tokens);
    before = &prompt;
  }
  return ordered;
}

}  // namespace unpact
