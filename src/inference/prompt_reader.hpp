#pragma once
#include <set>

#include "prompt_states.hpp"

namespace unpact {

/// Runs prompts packed, part after part as memory allows; what they begin with alike runs once.
class PromptReader {
 public:
  /// @param prompts must outlive this object. @param token_budget positions whose keys and values are held at once, unless
  /// one prompt has more; 0: as the free memory allows.
  PromptReader(const Transformer& model, const std::vector<const std::vector<TokenId>*>& prompts,
               std::uint64_t token_budget);

  const std::vector<PromptNode>& nodes() const { return states_.nodes(); }
  /// As of PromptStates.
  void score_last(std::size_t node, std::size_t tokens) { states_.score_last(node, tokens); }
  /// Once.
  void run(const TakeStates& take);

 private:
  std::int64_t blocks_wanted(const Transformer& model, std::uint64_t token_budget);
  std::int64_t missing_blocks(std::size_t end) const;
  void read(const TakeStates& take);

  PromptStates states_;
  std::set<std::size_t> claimed_;
  PoolPass pass_;
  KeyValuePool pool_;
  std::int64_t spare_;
  std::vector<std::size_t> to_run_, ends_;
};

}  // namespace unpact
