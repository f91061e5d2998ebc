#include "unpact/model/sequences.hpp"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "unpact/core/error.hpp"
#include "unpact/core/random.hpp"

namespace unpact {
namespace {

using testing::ElementsAre;

TEST(PadRight, PutsZerosBehind) {
  const std::vector<std::vector<TokenId>> sequences = {{5, 6, 7}, {}, {8}};
  EXPECT_TRUE(at::equal(pad_right(sequences, at::kCPU), at::tensor({5, 6, 7, 0, 0, 0, 8, 0, 0}, at::kLong).view({3, 3})));
}

TEST(PadRight, HasAtLeastOneColumn) {
  const std::vector<std::vector<TokenId>> sequences = {{}, {}};
  EXPECT_EQ(pad_right(sequences, at::kCPU).sizes(), at::IntArrayRef({2, 1}));
}

std::vector<std::vector<std::size_t>> pack(const std::vector<std::size_t>& lengths, std::size_t budget) {
  return pack_by_length(
      lengths.size(), [&](std::size_t i) { return lengths[i]; }, budget);
}

TEST(PackByLength, TakesTheLongestFirst) {
  EXPECT_THAT(pack({1, 9, 3, 9, 2}, 18), ElementsAre(ElementsAre(1, 3), ElementsAre(2, 4, 0)));
}

TEST(PackByLength, AnItemBeyondTheBudgetGoesAlone) {
  EXPECT_THAT(pack({7, 7, 1}, 1), ElementsAre(ElementsAre(0), ElementsAre(1), ElementsAre(2)));
}

TEST(PackByLength, NothingMakesNoBatch) { EXPECT_TRUE(pack({}, 8).empty()); }

TEST(PackByLength, RefusesABudgetOfNothing) { EXPECT_THROW(pack({1}, 0), ContractViolation); }

TEST(PackByLength, EveryItemOnceWithinTheBudget) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    std::vector<std::size_t> lengths(random_below(40, seed, 0, 0));
    for (std::size_t i = 0; i < lengths.size(); ++i) lengths[i] = random_below(30, seed, 1, i);
    const std::size_t budget = 1 + random_below(100, seed, 2, 0);
    std::set<std::size_t> seen;
    for (const auto& batch : pack(lengths, budget)) {
      ASSERT_FALSE(batch.empty());
      std::size_t longest = 1;
      for (const auto item : batch) {
        EXPECT_TRUE(seen.insert(item).second);
        longest = std::max(longest, lengths[item]);
      }
      EXPECT_EQ(longest, std::max<std::size_t>(1, lengths[batch.front()]));
      EXPECT_TRUE(batch.size() == 1 || batch.size() * longest <= budget);
    }
    EXPECT_EQ(seen.size(), lengths.size());
  }
}

}  // namespace
}  // namespace unpact
