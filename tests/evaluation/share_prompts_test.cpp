#include "src/evaluation/share_prompts.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace unpact {
namespace {

using testing::ElementsAre;

const std::vector<std::vector<TokenId>> kPrompts = {{5, 6, 7}, {1, 2, 3, 4}, {5, 6}, {1, 2, 9}, {5, 6, 7}};

TEST(SharePrompts, NeighboursBeginAlikeAndCostWhatTheyDoNotShare) {
  const auto ordered = order_by_beginning(kPrompts, 10);
  EXPECT_THAT(ordered.order, ElementsAre(1, 3, 2, 0, 4));
  EXPECT_THAT(ordered.costs, ElementsAre(14, 11, 12, 11, 10));
}

TEST(SharePrompts, GivesEachPromptItsResultOnEveryRank) {
  const auto world = Communicator::world();
  const auto lengths = share_prompts<std::size_t>(world, kPrompts, 10, [&](const std::vector<std::size_t>& indices) {
    std::vector<std::size_t> found;
    for (const auto i : indices) found.push_back(100 * i + kPrompts[i].size());
    return found;
  });
  EXPECT_THAT(lengths, ElementsAre(3, 104, 202, 303, 403));
}

}  // namespace
}  // namespace unpact
