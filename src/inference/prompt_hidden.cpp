#include "prompt_hidden.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <set>

#include "prompt_states.hpp"

namespace unpact {
namespace {

std::vector<const std::vector<TokenId>*> pointers_to(const std::vector<std::vector<TokenId>>& prompts) {
  std::vector<const std::vector<TokenId>*> pointers;
  for (const auto& prompt : prompts) pointers.push_back(&prompt);
  return pointers;
}

class PromptReader {
 public:
  PromptReader(const Transformer& model, const std::vector<std::vector<TokenId>>& prompts, std::size_t token_budget)
      : texts_(pointers_to(prompts)), states_(texts_), pass_(model), pool_(model, blocks_wanted(token_budget)),
        spare_(pool_.take()), hidden_(prompts.size()) {}

  at::Tensor run() {
    auto room = pool_.free();
    for (std::size_t n = 0; n < states_.nodes().size(); ++n) {
      if (states_.nodes()[n].prompts.empty()) continue;
      if (missing_blocks(n) > room) {
        read();
        room = pool_.free();
      }
      room -= missing_blocks(n);
      for (const auto node : states_.missing(n))
        if (claimed_.insert(node).second) to_run_.push_back(node);
      ends_.push_back(n);
    }
    read();
    return at::stack(hidden_);
  }

 private:
  std::int64_t blocks_wanted(std::size_t token_budget) {
    std::int64_t all = 0, longest = 0;
    for (std::size_t n = 0; n < states_.nodes().size(); ++n) {
      all += states_.blocks_of(n);
      if (states_.nodes()[n].prompts.empty()) continue;
      states_.expect(n);
      longest = std::max(longest, missing_blocks(n));
    }
    return 1 + std::max(longest, std::min(blocks_for(static_cast<std::int64_t>(token_budget)), all));
  }

  std::int64_t missing_blocks(std::size_t end) const {
    std::int64_t blocks = 0;
    for (const auto node : states_.missing(end))
      if (!claimed_.contains(node)) blocks += states_.blocks_of(node);
    return blocks;
  }

  void read() {
    states_.run(to_run_, pass_, pool_, spare_);
    for (const auto end : ends_) {
      for (const auto prompt : states_.nodes()[end].prompts) hidden_[prompt] = states_.hidden_D(end);
      states_.begun(end, pool_);
    }
    claimed_.clear();
    to_run_.clear();
    ends_.clear();
  }

  std::vector<const std::vector<TokenId>*> texts_;
  PromptStates states_;
  std::set<std::size_t> claimed_;
  PoolPass pass_;
  KeyValuePool pool_;
  std::int64_t spare_;
  std::vector<at::Tensor> hidden_;
  std::vector<std::size_t> to_run_, ends_;
};

}  // namespace

at::Tensor hidden_after(const Transformer& model, const std::vector<std::vector<TokenId>>& prompts,
                        std::size_t token_budget) {
  return PromptReader(model, prompts, token_budget).run();
}

}  // namespace unpact
