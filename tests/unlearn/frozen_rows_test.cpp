/// Frozen numbers, kept or computed anew: the same, on any number of ranks.
#include "unpact/unlearn/frozen_rows.hpp"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "support/shared_folder.hpp"
#include "support/training_examples.hpp"
#include "unpact/comm/communicator.hpp"

namespace unpact {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing_support::message_of;
using testing_support::random_examples;
using testing_support::tiny_transformer;

class FrozenRowsTest : public testing::Test {
 protected:
  /// Hidden states of every token; counts the passes.
  FrozenRows make(FrozenCache where, const std::string& fingerprint = "", std::int64_t* passes = nullptr,
                  Collectives* group = nullptr, double limit_gib = 64) {
    FrozenRows::Shape shape{"test", {}, 24};
    for (const auto& example : *examples_) shape.rows.push_back(static_cast<std::int64_t>(example.ids.size()));
    Frozen frozen(model_);
    frozen.group = group;
    frozen.cache = {where, folder(), limit_gib, fingerprint};
    return FrozenRows(examples_, shape, frozen, [this, passes](const Transformer& model, ExampleIndices indices) {
      if (passes != nullptr) ++*passes;
      const auto batch = make_batch(*examples_, indices, model.device());
      return model.hidden(batch.tokens_BS, batch.layout)
          .flatten(0, 1)
          .index_select(0, token_rows(*examples_, indices, model.device()));
    });
  }
  /// One folder for all ranks.
  const fs::path& folder() const { return folder_.path(); }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder()), fs::directory_iterator()));
  }

  Communicator world_ = Communicator::world();
  std::unique_ptr<Collectives> group_ = make_collectives(world_, at::kCPU);
  testing_support::SharedFolder folder_{world_};
  // Enough for several passes of 8192 tokens.
  Examples examples_ = random_examples(1500, 1);
  Transformer model_ = tiny_transformer(2);
  std::vector<std::int64_t> chosen_ = {1499, 3, 700, 3, 0};
};

TEST_F(FrozenRowsTest, AreTheSameWhereverTheyAreKept) {
  const auto plain = make(FrozenCache::none);
  EXPECT_FALSE(plain.are_kept());
  const auto expected_RW = plain.of(chosen_);
  EXPECT_EQ(expected_RW.size(0), count_tokens(*examples_, chosen_));
  EXPECT_FALSE(expected_RW.requires_grad());
  for (const auto where : {FrozenCache::memory, FrozenCache::disk}) {
    const auto kept = make(where, "", nullptr, group_.get());
    EXPECT_TRUE(kept.are_kept());
    // In another batch: rounding only.
    EXPECT_TRUE(at::allclose(kept.of(chosen_), expected_RW, 1e-4, 1e-5)) << name_of_value(where);
  }
}

TEST_F(FrozenRowsTest, RunByLengthInPassesThatFewExamplesShareToo) {
  for (const std::size_t count : {0U, 1U, 60U, 1500U}) {
    const std::vector<Example> some(examples_->begin(), examples_->begin() + static_cast<std::ptrdiff_t>(count));
    std::vector<std::int64_t> all;
    std::int64_t longest = 0;
    const auto passes = frozen_passes(some);
    for (const auto& pass : passes) {
      EXPECT_LE(count_tokens(some, pass), 8192);
      for (const auto i : pass) {
        EXPECT_GE(example_length(some, i), longest);
        longest = example_length(some, i);
        all.push_back(i);
      }
    }
    std::ranges::sort(all);
    for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(all.at(i), static_cast<std::int64_t>(i));
    EXPECT_EQ(all.size(), count);
    if (count == 1500) {
      EXPECT_GE(passes.size(), 8U);
    }
  }
}

TEST_F(FrozenRowsTest, DoNotDependOnTheNumberOfRanksByASingleBit) {
  const auto alone = make(FrozenCache::memory), together = make(FrozenCache::memory, "", nullptr, group_.get());
  EXPECT_TRUE(at::equal(alone.of(chosen_), together.of(chosen_)));
}

TEST_F(FrozenRowsTest, AreDealtOutOverTheRanks) {
  std::int64_t mine = 0, all = 0;
  make(FrozenCache::memory, "", &all);
  make(FrozenCache::memory, "", &mine, group_.get());
  EXPECT_GE(all, 3);
  EXPECT_EQ(world_.sum(mine), all);
  EXPECT_LE(mine, (all + world_.size() - 1) / world_.size());
}

TEST_F(FrozenRowsTest, AFileWithAFingerprintIsUsedAgainAndAnotherModelsIsNot) {
  std::int64_t first = 0, again = 0, other = 0;
  const auto rows = make(FrozenCache::disk, "model a", &first, group_.get()).of(chosen_);
  EXPECT_TRUE(at::equal(make(FrozenCache::disk, "model a", &again, group_.get()).of(chosen_), rows));
  make(FrozenCache::disk, "model b", &other, group_.get());
  EXPECT_EQ(world_.sum(again), 0);
  EXPECT_EQ(world_.sum(other), world_.sum(first));
  world_.barrier();
  EXPECT_EQ(files(), 2U);
  world_.barrier();
}

TEST_F(FrozenRowsTest, AFileWithoutFingerprintIsGoneAtOnce) {
  const auto rows = make(FrozenCache::disk, "", nullptr, group_.get());
  world_.barrier();
  EXPECT_EQ(files(), 0U);
  EXPECT_EQ(rows.of(chosen_).size(1), 24);
  world_.barrier();
}

TEST_F(FrozenRowsTest, ATornFileIsMadeAnew) {
  std::int64_t again = 0;
  const auto rows = make(FrozenCache::disk, "model a", nullptr, group_.get()).of(chosen_);
  world_.barrier();
  if (world_.is_root())
    for (const auto& entry : fs::directory_iterator(folder()))
      fs::resize_file(entry.path(), fs::file_size(entry.path()) / 2);
  world_.barrier();
  EXPECT_TRUE(at::equal(make(FrozenCache::disk, "model a", &again, group_.get()).of(chosen_), rows));
  EXPECT_GT(world_.sum(again), 0);
}

TEST_F(FrozenRowsTest, RefuseMoreMemoryThanAllowed) {
  EXPECT_THAT(message_of<UserError>([&] { make(FrozenCache::memory, "", nullptr, nullptr, 1e-6); }),
              AllOf(HasSubstr("method.cache_gib"), HasSubstr("method.cache = disk")));
}

TEST_F(FrozenRowsTest, OfNoExamplesAreNone) {
  examples_ = std::make_shared<const std::vector<Example>>();
  for (const auto where : {FrozenCache::memory, FrozenCache::disk})
    EXPECT_NO_THROW(make(where, "", nullptr, group_.get())) << name_of_value(where);
}

TEST(CacheOptions, AreChecked) {
  EXPECT_THAT(message_of<UserError>([] {
                check_cache_options({FrozenCache::memory, {}, -1, {}});
              }),
              HasSubstr("method.cache_gib"));
}

}  // namespace
}  // namespace unpact
