#include "../../src/train/micro_batches.hpp"  // private to the layer

#include <gtest/gtest.h>

#include <algorithm>

#include "support/training_examples.hpp"

namespace unpact {
namespace {

using testing_support::random_examples;

TEST(MicroBatches, HoldSimilarLengthsAndAreEquallyManyWhereTheyMustBe) {
  const auto examples = random_examples(9, 1);
  const CrossEntropyTerm term(examples);
  const std::vector<std::int64_t> drawn = {0, 1, 2, 3, 4};
  std::vector<std::int64_t> all;
  for (const bool equally : {false, true}) {
    all.clear();
    for (int rank = 0; rank < 4; ++rank) {
      const auto batches = cut_into_micro_batches(term, drawn, {rank, 4, 1, equally});
      EXPECT_EQ(batches.size(), equally || rank == 0 ? 2U : 1U);
      for (const auto& batch : batches)
        if (batch.counts) all.insert(all.end(), batch.examples.begin(), batch.examples.end());
    }
    std::sort(all.begin(), all.end());
    EXPECT_EQ(all, drawn);
  }
  const auto together = cut_into_micro_batches(term, drawn, {0, 1, 2, true});
  ASSERT_EQ(together.size(), 3U);
  EXPECT_GE(term.length(together[0].examples.back()), term.length(together[1].examples.front()));
}

}  // namespace
}  // namespace unpact
