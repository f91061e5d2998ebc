#include "unpact/comm/share_work.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "unpact/core/error.hpp"

namespace unpact {
namespace {

using testing::HasSubstr;

/// "i of first..last" for each item.
std::vector<std::string> described(std::size_t first, std::size_t last) {
  std::vector<std::string> results;
  for (auto i = first; i < last; ++i) results.push_back(concat(i, " of ", first, "..", last));
  return results;
}

class ShareWork : public testing::Test {
 protected:
  /// Lets the rank that owns item 5 (chunks of 2: chunk 2) call `fail`.
  template <class Fail>
  void run_with_failure(const Fail& fail) const {
    share_work(world_, 9, 2, [&](std::size_t first, std::size_t last) {
      if (first <= 5 && 5 < last) fail();
      return described(first, last);
    });
  }

  Communicator world_ = Communicator::world(), null_;
};

TEST_F(ShareWork, EveryRankGetsAllResultsInOrder) {
  for (const std::size_t count : {0, 1, 5, 17, 64})
    for (const std::size_t chunk : {1, 3, 100}) {
      std::vector<std::string> expected;
      for (std::size_t first = 0; first < count; first += chunk)
        for (auto& text : described(first, std::min(count, first + chunk))) expected.push_back(text);
      EXPECT_EQ(share_work(world_, count, chunk, described), expected) << count << " in chunks of " << chunk;
      EXPECT_EQ(share_work(null_, count, chunk, described), expected) << "alone";
    }
}

TEST_F(ShareWork, EveryItemIsComputedOnce) {
  std::set<std::size_t> mine;
  share_work(world_, 23, 3, [&](std::size_t first, std::size_t last) {
    EXPECT_EQ((first / 3) % static_cast<std::size_t>(world_.size()), static_cast<std::size_t>(world_.rank()));
    for (auto i = first; i < last; ++i) EXPECT_TRUE(mine.insert(i).second);
    return described(first, last);
  });
  EXPECT_EQ(world_.sum(static_cast<std::int64_t>(mine.size())), 23);
}

TEST_F(ShareWork, ResultsMayBeAnyBytes) {
  const std::vector<std::string> items = {"", std::string(3, '\0'), "\xFF\xFE", std::string(100000, 'x'), "", "end"};
  const auto results = share_work(world_, items.size(), 1, [&](std::size_t first, std::size_t last) {
    return std::vector<std::string>(items.begin() + static_cast<std::ptrdiff_t>(first),
                                    items.begin() + static_cast<std::ptrdiff_t>(last));
  });
  EXPECT_EQ(results, items);
}

TEST_F(ShareWork, AUserErrorStaysOneOnEveryRank) {
  try {
    run_with_failure([] { throw UserError("the question is empty", "entry 5", "mend the file"); });
    FAIL() << "nothing was thrown";
  } catch (const UserError& error) {
    EXPECT_EQ(error.problem(), "the question is empty");
    EXPECT_EQ(error.reason(), "entry 5");
    EXPECT_EQ(error.hint(), "mend the file");
  }
}

TEST_F(ShareWork, AFailureStaysOneOnEveryRank) {
  try {
    run_with_failure([] { throw RuntimeFailure("not finite", "", ""); });
    FAIL() << "nothing was thrown";
  } catch (const RuntimeFailure& error) {
    EXPECT_EQ(error.problem(), "not finite");
    EXPECT_EQ(error.hint(), "");
  }
}

TEST_F(ShareWork, OtherExceptionsKeepTheirMessageOrAreCalledDefects) {
  for (const auto& fail : {std::function<void()>([] { throw std::out_of_range("index 7"); }),
                           std::function<void()>([] { throw std::runtime_error("index 7"); })}) {
    try {
      run_with_failure(fail);
      FAIL() << "nothing was thrown";
    } catch (const std::exception& error) {
      EXPECT_THAT(error.what(), testing::AnyOf(HasSubstr("index 7"), HasSubstr("a case that it does not handle")));
      EXPECT_TRUE(world_.size() == 1 || dynamic_cast<const RuntimeFailure*>(&error) != nullptr);
    }
  }
}

TEST_F(ShareWork, GoesOnAfterAFailure) {
  EXPECT_THROW(run_with_failure([] { throw UserError("a", "b", "c"); }), UserError);
  EXPECT_EQ(share_work(world_, 4, 1, described).size(), 4U);
}

TEST_F(ShareWork, AWrongNumberOfResultsIsNoticed) {
  EXPECT_ANY_THROW(share_work(world_, 9, 2, [](std::size_t, std::size_t) { return std::vector<std::string>(3); }));
  EXPECT_THROW(share_work(world_, 9, 0, described), ContractViolation);
}

/// A result that counts how often it was encoded or decoded.
struct Counted {
  std::size_t item = 0;
  std::vector<double> values;
  static inline int visits = 0;
  template <class Self>
  static auto fields(Self& self) {
    ++visits;
    return std::tie(self.item, self.values);
  }
};

std::vector<Counted> counted(std::size_t first, std::size_t last) {
  std::vector<Counted> results;
  for (auto i = first; i < last; ++i) results.push_back({i, std::vector<double>(i % 3, 0.5)});
  return results;
}

TEST_F(ShareWork, ResultsMayBeStructs) {
  const auto by_chunk = share_work(world_, 11, 2, counted),
             by_cost = share_by_cost(world_, std::vector<std::uint64_t>(11, 1), counted);
  for (const auto* results : {&by_chunk, &by_cost}) {
    ASSERT_EQ(results->size(), 11U);
    for (std::size_t i = 0; i < 11; ++i) {
      EXPECT_EQ((*results)[i].item, i);
      EXPECT_EQ((*results)[i].values, std::vector<double>(i % 3, 0.5));
    }
  }
}

TEST_F(ShareWork, OneRankEncodesNothing) {
  Counted::visits = 0;
  share_work(null_, 11, 2, counted);
  share_by_cost(null_, std::vector<std::uint64_t>(11, 1), counted);
  EXPECT_EQ(Counted::visits, 0);
  share_work(world_, 11, 2, counted);
  EXPECT_EQ(Counted::visits > 0, world_.size() > 1);
}

TEST_F(ShareWork, ByCostGivesAllResultsInOrder) {
  for (const std::size_t count : {0, 1, 3, 40}) {
    std::vector<std::uint64_t> costs;
    std::vector<std::string> expected;
    for (std::size_t i = 0; i < count; ++i) {
      costs.push_back(i * i % 17);
      expected.push_back(concat("item ", i));
    }
    const auto compute = [](std::size_t first, std::size_t last) {
      std::vector<std::string> results;
      for (auto i = first; i < last; ++i) results.push_back(concat("item ", i));
      return results;
    };
    EXPECT_EQ(share_by_cost(world_, costs, compute), expected) << count;
    EXPECT_EQ(share_by_cost(null_, costs, compute), expected) << count << " alone";
  }
}

TEST_F(ShareWork, ByCostTellsEveryRankOfAFailure) {
  const std::vector<std::uint64_t> costs(8, 1);
  EXPECT_THROW(share_by_cost(world_, costs,
                             [](std::size_t first, std::size_t last) {
                               if (last == 8) throw UserError("the last item", "is bad", "leave it out");
                               return std::vector<std::string>(last - first);
                             }),
               UserError);
}

TEST(CutByCost, GivesEqualPartsOfTheCost) {
  EXPECT_EQ(cut_by_cost({1, 1, 1, 1}, 2), (std::vector<std::size_t>{0, 2, 4}));
  EXPECT_EQ(cut_by_cost({9, 1, 1, 1}, 2), (std::vector<std::size_t>{0, 1, 4}));
  EXPECT_EQ(cut_by_cost({1, 1, 1, 9}, 2), (std::vector<std::size_t>{0, 3, 4}));
  EXPECT_EQ(cut_by_cost({5}, 3).back(), 1U);
  EXPECT_EQ(cut_by_cost({}, 3), (std::vector<std::size_t>{0, 0, 0, 0}));
  EXPECT_EQ(cut_by_cost({0, 0}, 2).back(), 2U);
  // No part exceeds its share by more than one item.
  std::vector<std::uint64_t> costs;
  std::uint64_t total = 0;
  for (std::uint64_t i = 0; i < 200; ++i) total += costs.emplace_back(200 - i);
  for (const std::size_t ranks : {2, 3, 7, 64}) {
    const auto bounds = cut_by_cost(costs, ranks);
    ASSERT_EQ(bounds.size(), ranks + 1);
    for (std::size_t r = 0; r < ranks; ++r) {
      std::uint64_t part = 0;
      for (auto i = bounds[r]; i < bounds[r + 1]; ++i) part += costs[i];
      EXPECT_LE(part, total / ranks + 200) << ranks;
    }
  }
}

}  // namespace
}  // namespace unpact
