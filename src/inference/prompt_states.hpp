#pragma once
/// The prompts of a generation while answers need them: what they share is run once, and its blocks are handed back when the
/// last answer that begins with it has begun.
#include <ATen/core/Tensor.h>

#include <functional>

#include "pool_pass.hpp"
#include "unpact/inference/prompt_tree.hpp"

namespace unpact {

/// Rows of hidden states that belong to a node: to positions first .. first + rows - 1 of its prompts.
struct NodeStates {
  std::size_t node;
  std::int64_t first, rows;
};

/// Is given the hidden states of scored tokens, ready for logits, pass by pass.
using TakeStates = std::function<void(const std::vector<NodeStates>& of, const at::Tensor& hidden_UD)>;

class PromptStates {
 public:
  /// @param prompts must outlive this object.
  explicit PromptStates(const std::vector<const std::vector<TokenId>*>& prompts);

  const std::vector<PromptNode>& nodes() const { return nodes_; }
  /// How many of a node's last tokens are scored; if nobody says it, one where prompts end.
  void score_last(std::size_t node, std::size_t tokens) { states_[node].scored = tokens; }
  /// One more answer will begin with this node.
  void expect(std::size_t node);
  /// It has begun: its tokens are in a table of its own.
  void begun(std::size_t node, KeyValuePool& pool);

  /// Blocks that a node takes beside those of its parent.
  std::int64_t blocks_of(std::size_t node) const;
  /// The node and those above it that are not run yet, from the top.
  std::vector<std::size_t> missing(std::size_t node) const;
  /// Runs nodes whose parents are run or among them.
  void run(const std::vector<std::size_t>& nodes, PoolPass& pass, KeyValuePool& pool, std::int64_t spare,
           const TakeStates& take);
  /// What to take where one token of each node is scored: hidden_D() has it until its last answer has begun.
  TakeStates keep();

  const BlockTable& table(std::size_t node) const { return states_[node].table; }
  const at::Tensor& hidden_D(std::size_t node) const { return states_[node].hidden_D; }

 private:
  struct State {
    std::size_t level = 0, expected = 0;  ///< how many nodes are above; answers to come, of nodes below, too
    std::size_t scored = 0;
    bool is_run = false;
    BlockTable table;
    at::Tensor hidden_D;
  };

  void open(std::size_t node, KeyValuePool& pool);

  const std::vector<const std::vector<TokenId>*>& prompts_;
  std::vector<PromptNode> nodes_;
  std::vector<State> states_;
};

}  // namespace unpact
