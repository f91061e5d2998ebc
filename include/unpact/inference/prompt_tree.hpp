#pragma once
/// Prompts as a tree: what several begin with is one node above them, so that a model runs it once.
#include <cstdint>
#include <vector>

#include "unpact/text/tokenizer.hpp"

namespace unpact {

/// Beginnings that fewer tokens share are run again: a level of the tree is a pass of its own.
inline constexpr std::size_t kWorthSharing = 8;

/// The tokens [begin, end) of prompt `of`, after those of the parent.
struct PromptNode {
  std::size_t of = 0, begin = 0, end = 0;
  std::int64_t parent = -1;          ///< -1: it begins the prompt
  std::vector<std::size_t> prompts;  ///< those that end with this node
  std::size_t length() const { return end - begin; }
};

/// Nodes in depth-first order, a parent before its children, prompts in their lexicographic order; equal prompts share a
/// node.
std::vector<PromptNode> prompt_tree(const std::vector<const std::vector<TokenId>*>& prompts);

}  // namespace unpact
