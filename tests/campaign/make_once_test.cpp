#include "../../src/campaign/make_once.hpp"

#include <gtest/gtest.h>

#include "support/shared_folder.hpp"
#include "unpact/campaign/job_claims.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/stop.hpp"

namespace unpact {
namespace {

class MakeOnce : public testing::Test {
 protected:
  MakeOnce() { options_.stale_after = 0.5; }

  /// What another machine that died left behind.
  void leave_foreign_claim() const {
    if (world_.is_root())
      write_file_atomically(folder_.path() / "claims/thing.claim.1",
                            R"({"host": "elsewhere", "job": "", "pid": 1, "process": "x", "started": "then", "beat": 0})");
    world_.barrier();
  }
  bool make() {
    auto claims = claims_of_job(world_, folder_.path(), options_);
    return make_once(
        world_, &claims, "thing", [this] { return made_ > 0; }, [this] { ++made_; });
  }

  Communicator world_ = Communicator::world();
  testing_support::SharedFolder folder_{world_};
  CampaignOptions options_;
  int made_ = 0;
};

TEST_F(MakeOnce, MakesWhatIsNotThereOnEveryRankAndNoSecondTime) {
  EXPECT_TRUE(make());
  EXPECT_FALSE(make());
  EXPECT_EQ(made_, 1);
}

TEST_F(MakeOnce, WorksWithoutClaims) {
  EXPECT_TRUE(make_once(
      world_, nullptr, "thing", [] { return false; }, [this] { ++made_; }));
  EXPECT_FALSE(make_once(
      world_, nullptr, "thing", [] { return true; }, [this] { ++made_; }));
  EXPECT_EQ(made_, 1);
}

TEST_F(MakeOnce, TakesOverFromADeadJob) {
  leave_foreign_claim();
  EXPECT_TRUE(make());
}

TEST_F(MakeOnce, StopsWhileItWaitsOnEveryRank) {
  leave_foreign_claim();
  options_.stale_after = 1e6;
  if (world_.is_root()) request_stop();
  EXPECT_THROW(make(), StoppedAtCheckpoint);
  EXPECT_EQ(made_, 0);
  reset_stop();
}

TEST_F(MakeOnce, AnErrorOfTheRootIsOneOnEveryRank) {
  auto claims = claims_of_job(world_, folder_.path(), options_);
  const auto cannot_tell = []() -> bool { throw UserError("cannot tell", "the disk", ""); };
  EXPECT_THROW(make_once(world_, &claims, "thing", cannot_tell, [] {}), UserError);
}

}  // namespace
}  // namespace unpact
