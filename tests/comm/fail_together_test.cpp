#include "unpact/comm/fail_together.hpp"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "unpact/core/error.hpp"
#include "unpact/core/stop.hpp"

namespace unpact {
namespace {

using testing::HasSubstr;

enum class Over { communicator, collectives };

class FailTogether : public testing::TestWithParam<Over> {
 protected:
  /// What every rank's call throws when `fail` runs on the last rank.
  template <class Failure>
  Failure thrown_by(const std::function<void()>& fail, Telling telling = Telling::rank_and_error) {
    try {
      run(
          [&] {
            if (is_last()) fail();
          },
          telling);
    } catch (const Failure& failure) {
      return failure;
    }
    ADD_FAILURE() << "nothing of this type was thrown";
    return Failure("", "", "");
  }
  void run(const std::function<void()>& step, Telling telling = Telling::rank_and_error) {
    if (GetParam() == Over::communicator) fail_together(world_, step, telling);
    else fail_together(*group_, at::kCPU, step, telling);
  }
  bool is_last() const { return world_.rank() == world_.size() - 1; }
  std::string peer_front() const { return is_last() ? "" : concat("rank ", world_.size() - 1, " of the group failed: "); }

  Communicator world_ = Communicator::world();
  std::unique_ptr<Collectives> group_ = make_collectives(world_, at::kCPU);
};

TEST_P(FailTogether, EveryRankThrowsWhatOneThrew) {
  const auto failure =
      thrown_by<RuntimeFailure>([] { throw RuntimeFailure("the disk is full", "ENOSPC", "free some space"); });
  EXPECT_EQ(failure.problem(), peer_front() + "the disk is full");
  EXPECT_EQ(failure.reason(), "ENOSPC");
  EXPECT_EQ(failure.hint(), "free some space");
  EXPECT_NO_THROW(run([] {}));
}

TEST_P(FailTogether, AStopIsOneEverywhereUnlessAnotherRankFailed) {
  const auto stop = [] { throw StoppedAtCheckpoint("stopped after 3 of 4", "asked to", "start again"); };
  const auto stopped = thrown_by<StoppedAtCheckpoint>(stop);
  EXPECT_EQ(stopped.problem(), "stopped after 3 of 4");
  EXPECT_EQ(stopped.hint(), "start again");
  if (world_.size() == 1) return;
  EXPECT_THROW(run([&] {
                 if (is_last()) throw RuntimeFailure("the disk is full", "", "");
                 stop();
               }),
               RuntimeFailure);
}

TEST_P(FailTogether, AUserErrorStaysOne) {
  const auto error = thrown_by<UserError>([] { throw UserError("a", "b", "c"); }, Telling::error_alone);
  EXPECT_EQ(error.problem(), "a");
  EXPECT_EQ(error.reason(), "b");
  EXPECT_EQ(error.hint(), "c");
}

TEST_P(FailTogether, OtherExceptionsBecomeFailuresThatNameTheRank) {
  if (world_.size() == 1) GTEST_SKIP() << "a rank alone keeps its exception";
  const auto failure = thrown_by<RuntimeFailure>([] { throw std::runtime_error("index 7"); }, Telling::error_alone);
  EXPECT_EQ(failure.problem(), "index 7");
  EXPECT_EQ(failure.reason(), concat("on rank ", world_.size() - 1));
}

TEST_P(FailTogether, TheFirstRankThatFailedSpeaksForTheOthers) {
  if (world_.size() < 3) GTEST_SKIP() << "needs three ranks";
  try {
    run([&] {
      if (world_.rank() > 0) throw RuntimeFailure(concat("problem of ", world_.rank()), "r", "h");
    });
    FAIL() << "nothing was thrown";
  } catch (const RuntimeFailure& failure) {
    EXPECT_THAT(failure.problem(), HasSubstr(concat("problem of ", std::max(1, world_.rank()))));
  }
}

INSTANTIATE_TEST_SUITE_P(Over, FailTogether, testing::Values(Over::communicator, Over::collectives),
                         [](const auto& test) { return test.param == Over::communicator ? "Communicator" : "Collectives"; });

TEST(OneLine, HoldsProblemAndReason) {
  EXPECT_EQ(one_line(UserError("a", "b", "c")), "a: b");
  EXPECT_EQ(one_line(std::runtime_error("x")), "x");
}

}  // namespace
}  // namespace unpact
