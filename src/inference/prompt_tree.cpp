#include "unpact/inference/prompt_tree.hpp"

#include <algorithm>
#include <numeric>

namespace unpact {
namespace {

class TreeBuilder {
 public:
  explicit TreeBuilder(const std::vector<const std::vector<TokenId>*>& prompts) : prompts_(prompts), order_(prompts.size()) {
    std::iota(order_.begin(), order_.end(), 0);
    std::stable_sort(order_.begin(), order_.end(), [&](auto a, auto b) { return *prompts_[a] < *prompts_[b]; });
  }

  std::vector<PromptNode> build() {
    add(0, order_.size(), 0, -1);
    return std::move(nodes_);
  }

 private:
  const std::vector<TokenId>& prompt(std::size_t place) const { return *prompts_[order_[place]]; }

  std::size_t shared(std::size_t a, std::size_t b) const {
    const auto &x = prompt(a), &y = prompt(b);
    const auto most = static_cast<std::ptrdiff_t>(std::min(x.size(), y.size()));
    return static_cast<std::size_t>(std::mismatch(x.begin(), x.begin() + most, y.begin()).first - x.begin());
  }

  /// Nodes of the prompts at [first, last) of the order, which share their first `depth` tokens.
  void add(std::size_t first, std::size_t last, std::size_t depth, std::int64_t parent) {
    while (first < last) {
      if (parent >= 0 && prompt(first).size() == depth) {
        nodes_[static_cast<std::size_t>(parent)].prompts.push_back(order_[first++]);
        continue;
      }
      auto end = first + 1, common = prompt(first).size();
      for (; end < last; ++end) {
        const auto same = shared(first, end);
        if (same < depth + kWorthSharing && !(same == prompt(first).size() && same == prompt(end).size())) break;
        common = std::min(common, same);
      }
      const auto node = static_cast<std::int64_t>(nodes_.size());
      nodes_.push_back({order_[first], depth, common, parent, {}});
      add(first, end, common, node);
      first = end;
    }
  }

  const std::vector<const std::vector<TokenId>*>& prompts_;
  std::vector<std::size_t> order_;
  std::vector<PromptNode> nodes_;
};

}  // namespace

std::vector<PromptNode> prompt_tree(const std::vector<const std::vector<TokenId>*>& prompts) {
  return TreeBuilder(prompts).build();
}

}  // namespace unpact
