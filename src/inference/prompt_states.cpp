#include "prompt_states.hpp"

#include <ATen/ATen.h>

#include <algorithm>

#include "unpact/core/error.hpp"

namespace unpact {

PromptStates::PromptStates(const std::vector<const std::vector<TokenId>*>& prompts)
    : prompts_(prompts), nodes_(prompt_tree(prompts)), states_(nodes_.size()) {
  for (std::size_t n = 0; n < nodes_.size(); ++n) {
    if (nodes_[n].parent >= 0) states_[n].level = states_[static_cast<std::size_t>(nodes_[n].parent)].level + 1;
    states_[n].scored = nodes_[n].prompts.empty() ? 0 : 1;
  }
}

void PromptStates::expect(std::size_t node) {
  for (auto n = static_cast<std::int64_t>(node); n >= 0; n = nodes_[static_cast<std::size_t>(n)].parent)
    ++states_[static_cast<std::size_t>(n)].expected;
}

void PromptStates::begun(std::size_t node, KeyValuePool& pool) {
  for (auto n = static_cast<std::int64_t>(node); n >= 0; n = nodes_[static_cast<std::size_t>(n)].parent) {
    auto& state = states_[static_cast<std::size_t>(n)];
    UNPACT_EXPECT(state.is_run && state.expected > 0);
    if (--state.expected > 0) continue;
    pool.hand_back(state.table);
    state.table.clear();
    state.hidden_D.reset();
  }
}

std::int64_t PromptStates::blocks_of(std::size_t node) const {
  return blocks_for(static_cast<std::int64_t>(nodes_[node].end)) -
         static_cast<std::int64_t>(nodes_[node].begin) / kernels::kBlockPositions;
}

std::vector<std::size_t> PromptStates::missing(std::size_t node) const {
  std::vector<std::size_t> found;
  for (auto n = static_cast<std::int64_t>(node); n >= 0; n = nodes_[static_cast<std::size_t>(n)].parent)
    if (!states_[static_cast<std::size_t>(n)].is_run) found.push_back(static_cast<std::size_t>(n));
  std::ranges::reverse(found);
  return found;
}

/// The parent's table, with room for the node's own tokens.
void PromptStates::open(std::size_t node, KeyValuePool& pool) {
  auto& state = states_[node];
  const auto& n = nodes_[node];
  if (n.parent >= 0) state.table = pool.fork(table(static_cast<std::size_t>(n.parent)), static_cast<std::int64_t>(n.begin));
  while (static_cast<std::int64_t>(state.table.size()) < blocks_for(static_cast<std::int64_t>(n.end)))
    state.table.push_back(pool.take());
  state.is_run = true;
}

TakeStates PromptStates::keep() {
  return [this](const std::vector<NodeStates>& of, const at::Tensor& hidden_UD) {
    for (std::size_t i = 0; i < of.size(); ++i)
      states_[of[i].node].hidden_D = hidden_UD.select(0, static_cast<std::int64_t>(i)).clone();
  };
}

void PromptStates::run(const std::vector<std::size_t>& nodes, PoolPass& pass, KeyValuePool& pool, std::int64_t spare,
                       const TakeStates& take) {
  auto order = nodes;
  std::ranges::stable_sort(order, {}, [&](std::size_t n) { return states_[n].level; });
  std::vector<NodeStates> scored;
  const auto flush = [&] {
    if (pass.rows() == 0) return;
    const auto hidden_UD = pass.run(pool, spare);
    if (!scored.empty()) take(scored, hidden_UD);
    scored.clear();
  };
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto& node = nodes_[order[i]];
    if (i > 0 && states_[order[i - 1]].level < states_[order[i]].level)
      flush();  // parents are run before their tables are copied
    open(order[i], pool);
    for (auto begin = node.begin; begin < node.end;) {
      if (pass.room() == 0) flush();
      const auto end = std::min(node.end, begin + static_cast<std::size_t>(pass.room()));
      const auto first = std::min(end, std::max(begin, node.end - states_[order[i]].scored)), rows = end - first;
      pass.add({prompts_[node.of]->data() + begin, end - begin}, static_cast<std::int64_t>(begin), table(order[i]),
               static_cast<std::int64_t>(rows));
      if (rows > 0) scored.push_back({order[i], static_cast<std::int64_t>(first), static_cast<std::int64_t>(rows)});
      begin = end;
    }
  }
  flush();
}

}  // namespace unpact
