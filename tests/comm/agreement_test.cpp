#include "unpact/comm/agreement.hpp"

#include <gtest/gtest.h>

#include "unpact/comm/notice.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

std::string problem_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const Error& known) {
    return known.problem();
  } catch (const std::exception& other) {
    return other.what();
  }
}

TEST(Agreement, OfRanksThatAllDidWellIsNoError) {
  const auto world = Communicator::world();
  Agreement agreement(world);
  const auto end = agreement.run([&] { world.barrier(); });
  EXPECT_TRUE(end.together);
  EXPECT_FALSE(end.error);
}

TEST(Agreement, TellsEveryRankOfAFailureOnAnyOfThem) {
  const auto world = Communicator::world();
  Agreement agreement(world);
  for (int failing = 0; failing < world.size(); ++failing) {
    const auto end = agreement.run([&] {
      if (world.rank() == failing) throw UserError("bad input", "on one rank", "");
    });
    EXPECT_TRUE(end.together);
    ASSERT_TRUE(end.error);
    EXPECT_EQ(problem_of(end.error), "bad input");
    EXPECT_THROW(std::rethrow_exception(end.error), UserError);
  }
  EXPECT_FALSE(agreement.run([] {}).error) << "and can be used again";
}

TEST(Agreement, KeepsWhatARankThrewItself) {
  const auto world = Communicator::world();
  Agreement agreement(world);
  const auto end = agreement.run([&] { throw RuntimeFailure(concat("rank ", world.rank()), "", ""); });
  ASSERT_TRUE(end.error);
  EXPECT_EQ(problem_of(end.error), concat("rank ", world.rank()));
}

/// The others hang in the step until the first has given them up.
TEST(Agreement, GivesARankThatFailsAloneItsOwnErrorBack) {
  const auto world = Communicator::world();
  if (world.size() == 1) GTEST_SKIP() << "needs ranks that hang";
  Notice given_up(world);
  Agreement agreement(world, 0.2);
  const auto end = agreement.run([&] {
    if (world.is_root()) throw UserError("bad input", "on one rank", "");
    while (!given_up.is_raised()) {
    }
  });
  given_up.raise();
  EXPECT_FALSE(end.together);
  ASSERT_TRUE(end.error);
  if (world.is_root()) {
    EXPECT_EQ(problem_of(end.error), "bad input");
  }
}

}  // namespace
}  // namespace unpact
