#include "unpact/inference/prompt_tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/inference/key_value_pool.hpp"
#include "support/tiny_models.hpp"

namespace unpact {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

using Prompts = std::vector<std::vector<TokenId>>;

std::vector<PromptNode> tree(const Prompts& prompts) {
  std::vector<const std::vector<TokenId>*> texts;
  for (const auto& prompt : prompts) texts.push_back(&prompt);
  return prompt_tree(texts);
}

std::vector<TokenId> sequence(TokenId first, std::size_t count, std::vector<TokenId> after = {}) {
  std::vector<TokenId> ids;
  for (std::size_t i = 0; i < count; ++i) ids.push_back(first + static_cast<TokenId>(i));
  ids.insert(ids.end(), after.begin(), after.end());
  return ids;
}

/// The tokens from the top down to each prompt's node are the prompt.
void expect_whole(const Prompts& prompts, const std::vector<PromptNode>& nodes) {
  std::vector<int> seen(prompts.size(), 0);
  for (std::size_t n = 0; n < nodes.size(); ++n) {
    for (const auto p : nodes[n].prompts) {
      ++seen[p];
      std::vector<TokenId> ids;
      for (auto at = static_cast<std::int64_t>(n); at >= 0; at = nodes[static_cast<std::size_t>(at)].parent) {
        const auto& node = nodes[static_cast<std::size_t>(at)];
        EXPECT_LT(node.parent, at) << "parents come first";
        const auto& text = prompts[node.of];
        ids.insert(ids.begin(), text.begin() + static_cast<std::ptrdiff_t>(node.begin),
                   text.begin() + static_cast<std::ptrdiff_t>(node.end));
      }
      EXPECT_EQ(ids, prompts[p]);
    }
  }
  EXPECT_THAT(seen, testing::Each(1));
}

TEST(PromptTree, WhatPromptsShareIsOneNode) {
  const Prompts prompts = {sequence(10, 30, {1, 2}), sequence(10, 30, {3}), sequence(10, 30, {1, 5, 6})};
  const auto nodes = tree(prompts);
  expect_whole(prompts, nodes);
  ASSERT_EQ(nodes.size(), 4U);
  EXPECT_EQ(nodes[0].length(), 30U);
  EXPECT_THAT(nodes[0].prompts, IsEmpty());
}

TEST(PromptTree, EqualPromptsAndBeginningsOfOthersEndWhereTheyEnd) {
  const Prompts prompts = {sequence(1, 3), sequence(1, 20), sequence(1, 3), sequence(1, 20, {40, 41}), sequence(1, 20)};
  const auto nodes = tree(prompts);
  expect_whole(prompts, nodes);
  EXPECT_THAT(nodes[0].prompts, ElementsAre(0, 2)) << "however short they are";
  EXPECT_THAT(nodes[1].prompts, ElementsAre(1, 4));
  EXPECT_EQ(nodes.size(), 3U);
}

TEST(PromptTree, FewTokensAreNotWorthSharing) {
  const Prompts prompts = {sequence(1, kWorthSharing - 1, {70}), sequence(1, kWorthSharing - 1, {71}), {}, {5}};
  const auto nodes = tree({prompts[0], prompts[1], prompts[3]});
  EXPECT_EQ(nodes.size(), 3U);
  EXPECT_THAT(tree({}), IsEmpty());
}

TEST(KeyValuePool, BlocksAreSharedAndHandedBack) {
  const auto model = testing_support::tiny_transformer(1);
  KeyValuePool pool(model, 5);
  BlockTable table = {pool.take(), pool.take()};
  const auto forked = pool.fork(table, kernels::kBlockPositions + 3);
  EXPECT_EQ(forked.front(), table.front()) << "whole blocks are shared";
  EXPECT_NE(forked.back(), table.back()) << "a part of one is copied";
  EXPECT_EQ(pool.free(), 2);
  pool.hand_back(table);
  EXPECT_EQ(pool.free(), 3) << "the fork still uses the first block";
  pool.hand_back(forked);
  EXPECT_EQ(pool.free(), 5);
  table = {pool.take()};
  EXPECT_EQ(pool.fork(table, kernels::kBlockPositions), table);
}

}  // namespace
}  // namespace unpact
