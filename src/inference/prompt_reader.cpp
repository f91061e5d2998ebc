#include "prompt_reader.hpp"

#include <algorithm>

#include "position_budget.hpp"
#include "unpact/inference/generation.hpp"

namespace unpact {

PromptReader::PromptReader(const Transformer& model, const std::vector<const std::vector<TokenId>*>& prompts,
                           std::uint64_t token_budget)
    : states_(prompts), pass_(model), pool_(model, blocks_wanted(model, token_budget)), spare_(pool_.take()) {}

std::int64_t PromptReader::blocks_wanted(const Transformer& model, std::uint64_t token_budget) {
  std::int64_t all = 0, longest = 0;
  for (std::size_t n = 0; n < nodes().size(); ++n) {
    all += states_.blocks_of(n);
    if (nodes()[n].prompts.empty()) continue;
    states_.expect(n);
    longest = std::max(longest, missing_blocks(n));
  }
  const auto together = longest * static_cast<std::int64_t>(kMostSequences);
  return 1 + std::max(longest, std::min({blocks_of_budget(model, token_budget), all, together}));
}

std::int64_t PromptReader::missing_blocks(std::size_t end) const {
  std::int64_t blocks = 0;
  for (const auto node : states_.missing(end))
    if (!claimed_.contains(node)) blocks += states_.blocks_of(node);
  return blocks;
}

void PromptReader::run(const TakeStates& take) {
  auto room = pool_.free();
  for (std::size_t n = 0; n < nodes().size(); ++n) {
    if (nodes()[n].prompts.empty()) continue;
    if (missing_blocks(n) > room) {
      read(take);
      room = pool_.free();
    }
    room -= missing_blocks(n);
    for (const auto node : states_.missing(n))
      if (claimed_.insert(node).second) to_run_.push_back(node);
    ends_.push_back(n);
  }
  read(take);
}

void PromptReader::read(const TakeStates& take) {
  states_.run(to_run_, pass_, pool_, spare_, take);
  for (const auto end : ends_) states_.begun(end, pool_);
  claimed_.clear();
  to_run_.clear();
  ends_.clear();
}

}  // namespace unpact
