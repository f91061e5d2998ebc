#include "unpact/comm/notice.hpp"

#include <gtest/gtest.h>

#include "unpact/core/error.hpp"

namespace unpact {
namespace {

/// Looks until it is there; without a message this would never end, which the test's time limit says.
void wait_for(Notice& notice) {
  while (!notice.is_raised()) {
  }
}

TEST(Notice, IsNotRaisedByItself) {
  const auto world = Communicator::world();
  Notice notice(world);
  EXPECT_FALSE(notice.is_raised());
  world.barrier();
}

TEST(Notice, OfAnyRankReachesEveryRank) {
  const auto world = Communicator::world();
  for (int raiser = 0; raiser < world.size(); ++raiser) {
    Notice notice(world);
    if (world.rank() == raiser) notice.raise();
    wait_for(notice);
    EXPECT_TRUE(notice.is_raised()) << "it stays raised";
  }
}

TEST(Notice, MayBeRaisedByAllAndAgain) {
  const auto world = Communicator::world();
  Notice notice(world);
  notice.raise();
  notice.raise();
  EXPECT_TRUE(notice.is_raised());
}

TEST(Notice, ThatNobodyHeardIsTakenAwayWithIt) {
  const auto world = Communicator::world();
  {
    Notice notice(world);
    if (world.is_root()) notice.raise();
  }
  Notice next(world);
  EXPECT_FALSE(next.is_raised());
  world.barrier();
}

TEST(Notice, WorksWithoutMpi) {
  Notice notice{Communicator{}};
  EXPECT_FALSE(notice.is_raised());
  notice.raise();
  EXPECT_TRUE(notice.is_raised());
}

}  // namespace
}  // namespace unpact
