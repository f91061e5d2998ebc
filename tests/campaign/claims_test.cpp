#include "unpact/campaign/claims.hpp"

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "campaign/dead_claim.hpp"
#include "core/temporary_folder.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

using testing::HasSubstr;
using testing_support::TemporaryFolder;

/// A claim as another machine would have left it.
void write_foreign(const TemporaryFolder& folder, const std::string& name, int generation, int beat) {
  folder.write(
      concat(name, ".claim.", generation),
      concat(
          R"({"host": "elsewhere", "job": "17.2", "pid": 1, "process": "another boot", "started": "2026-01-01T00:00:00Z", "beat": )",
          beat, "}"));
}

/// Time that passes when the test says so.
struct ManualClock {
  double time = 1000;
  ClaimOptions options() {
    return {20, 180, [this] { return time; }};
  }
};

TEST(Claims, HoldUntilTheyAreGivenBack) {
  const TemporaryFolder folder;
  Claims mine(folder.path()), others(folder.path());
  auto claim = mine.take("cell");
  ASSERT_TRUE(claim);
  EXPECT_FALSE(others.take("cell"));
  EXPECT_TRUE(others.take("another cell"));
  EXPECT_FALSE(others.watch("cell").is_stale);
  claim->release();
  EXPECT_FALSE(others.holder("cell"));
  EXPECT_TRUE(others.take("cell"));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));  // all of them are gone again
}

TEST(Claims, SayWhoHoldsThem) {
  const TemporaryFolder folder;
  write_foreign(folder, "cell", 3, 7);
  const auto holder = Claims(folder.path()).holder("cell");
  ASSERT_TRUE(holder);
  EXPECT_EQ(holder->generation, 3);
  EXPECT_EQ(holder->describe(), "elsewhere, job 17.2, process 1, since 2026-01-01T00:00:00Z");
}

TEST(Claims, SayWhatTheirHolderIsDoing) {
  const TemporaryFolder folder;
  ClaimOptions options{0.01, 5};
  options.rank = 6;
  options.ranks = 2;
  Claims claims(folder.path(), options);
  const auto claim = claims.take("cell");
  DoingScope doing("unlearn", 30, "steps");
  doing.reach(4);
  for (int i = 0; i < 500 && list_claims(folder.path()).at(0).holder->doing.step < 4; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  write_foreign(folder, "another", 3, 7);
  folder.write("broken.claim.2", "{");
  const auto found = list_claims(folder.path());
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].name, "another");
  EXPECT_EQ(found[0].holder->generation, 3);
  EXPECT_EQ(found[0].holder->doing.what, "") << "a claim of before";
  EXPECT_FALSE(found[1].holder);
  const auto& holder = *found[2].holder;
  EXPECT_EQ(holder.doing.what + " " + holder.doing.unit, "unlearn steps");
  EXPECT_EQ(holder.doing.step, 4);
  EXPECT_EQ(holder.doing.steps, 30);
  EXPECT_EQ(holder.rank, 6);
  EXPECT_EQ(holder.ranks, 2);
  EXPECT_EQ(holder.stale_seconds, 5);
  EXPECT_GT(holder.held_seconds, 0);
}

TEST(Claims, GrowStaleWhenTheirBeatStandsStillForTheObserver) {
  const TemporaryFolder folder;
  ManualClock clock;
  write_foreign(folder, "cell", 1, 7);
  Claims claims(folder.path(), clock.options());
  EXPECT_FALSE(claims.take("cell"));
  clock.time += 179;
  EXPECT_FALSE(claims.take("cell"));
  write_foreign(folder, "cell", 1, 8);  // it lives
  clock.time += 2;
  EXPECT_FALSE(claims.take("cell"));
  clock.time += 179;
  EXPECT_FALSE(claims.take("cell"));
  clock.time += 2;
  const auto claim = claims.take("cell");
  ASSERT_TRUE(claim);
  EXPECT_EQ(claims.holder("cell")->generation, 2);
  EXPECT_FALSE(claim->is_lost());
}

TEST(Claims, OfSomebodyElseUnderAFreedNameAreNewOnes) {
  const TemporaryFolder folder;
  ManualClock clock;
  write_foreign(folder, "cell", 1, 0);
  Claims claims(folder.path(), clock.options());
  EXPECT_FALSE(claims.take("cell"));
  folder.write("cell.claim.1", R"({"host": "third", "job": "", "pid": 5, "process": "x", "started": "later", "beat": 0})");
  clock.time += 181;  // its holder gave it back meanwhile, unseen, and another took it
  EXPECT_FALSE(claims.take("cell"));
  EXPECT_FALSE(claims.watch("cell").is_alive);
  clock.time += 181;
  EXPECT_TRUE(claims.take("cell"));
}

TEST(Claims, WhoComesBackSeesThatItLost) {
  const TemporaryFolder folder;
  Claims claims(folder.path());
  auto claim = claims.take("cell");
  ASSERT_TRUE(claim);
  write_foreign(folder, "cell", 2, 0);
  EXPECT_TRUE(claim->is_lost());
  claim->release();
  EXPECT_EQ(claims.holder("cell")->host, "elsewhere");  // the newer one stays
}

TEST(Claims, BrokenFilesCountAsHeldUntilTheTimeIsOver) {
  const TemporaryFolder folder;
  ManualClock clock;
  folder.write("cell.claim.1", "{\"host\": ");
  folder.write("cell.claim.x", "no generation");
  folder.write("cell.claim.99999999999999999999", "too large");
  Claims claims(folder.path(), clock.options());
  EXPECT_FALSE(claims.take("cell"));
  EXPECT_FALSE(claims.holder("cell"));
  clock.time += 181;
  EXPECT_TRUE(claims.take("cell"));
}

TEST(Claims, OfADeadProcessOfThisMachineAreTakenOverAtOnce) {
  const TemporaryFolder folder;
  testing_support::leave_claim_of_the_dead(folder.path(), "cell");
  Claims claims(folder.path());
  ASSERT_TRUE(claims.holder("cell"));
  const auto claim = claims.take("cell");
  ASSERT_TRUE(claim);
  EXPECT_EQ(claims.holder("cell")->generation, 2);
}

TEST(Claims, AreRenewedInPlaceUntilSomebodyHasTakenOver) {
  const TemporaryFolder folder;
  ManualClock clock;
  auto options = clock.options();
  options.renews_itself = false;
  Claims mine(folder.path(), options), others(folder.path(), options);
  auto claim = mine.take("cell");
  ASSERT_TRUE(claim);
  const auto size = std::filesystem::file_size(folder.path() / "cell.claim.1");
  EXPECT_TRUE(claim->renew());
  EXPECT_EQ(mine.holder("cell")->beat, 1);
  EXPECT_EQ(std::filesystem::file_size(folder.path() / "cell.claim.1"), size);
  EXPECT_FALSE(others.take("cell"));
  clock.time += 181;
  auto taken = others.take("cell");
  ASSERT_TRUE(taken);
  EXPECT_FALSE(claim->renew());
  std::filesystem::remove_all(folder.path());
  EXPECT_TRUE(taken->renew()) << "the folder was removed, but nobody has taken over";
}

TEST(Claims, StayOfWhoIsKilled) {
  const TemporaryFolder folder;
  Claims claims(folder.path());
  auto claim = claims.take("cell");
  ASSERT_TRUE(claim);
  claim->abandon();
  EXPECT_TRUE(claims.watch("cell").is_held);
}

TEST(Claims, OfAnEarlierStartOfTheSameBatchJobAreDead) {
  const TemporaryFolder folder;
  ClaimOptions options;
  options.self = ClaimHolder{.host = "node1", .job = "17", .restart = 0, .process = "x"};
  auto claim = Claims(folder.path(), options).take("cell");
  ASSERT_TRUE(claim);
  claim->abandon();
  options.self->restart = 1;
  EXPECT_TRUE(Claims(folder.path(), options).take("cell"));
}

TEST(Claims, AreRenewedWhileTheyAreHeld) {
  const TemporaryFolder folder;
  Claims claims(folder.path(), {0.001, 1000, {}});
  auto claim = claims.take("cell");
  ASSERT_TRUE(claim);
  while (claims.holder("cell").value_or(ClaimHolder()).beat < 3) ::usleep(100);
}

/// Takes every name that is not done, writes a line for each, and gives it back.
void work_through(const std::filesystem::path& folder, int names) {
  Claims claims(folder / "claims");
  for (int left = names; left > 0;) {
    left = 0;
    for (int i = 0; i < names; ++i) {
      const auto name = concat("cell", i);
      if (std::filesystem::exists(folder / name)) continue;
      ++left;
      const auto claim = claims.take(name);
      if (!claim || std::filesystem::exists(folder / name)) continue;
      std::ofstream(folder / "log", std::ios::app) << name << '\n';
      write_file_atomically(folder / name, "done");
    }
  }
}

TEST(Claims, GiveEachPieceOfWorkToOneOfManyProcesses) {
  const TemporaryFolder folder;
  constexpr int processes = 6, names = 25;
  for (int p = 0; p < processes; ++p)
    if (::fork() == 0) {
      work_through(folder.path(), names);
      ::_exit(0);
    }
  for (int p = 0; p < processes; ++p) {
    int status = -1;
    ASSERT_GT(::wait(&status), 0);
    ASSERT_EQ(status, 0);
  }
  const auto log = read_file(folder.path() / "log");
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), names);
  for (int i = 0; i < names; ++i) EXPECT_THAT(log, HasSubstr(concat("cell", i, "\n")));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path() / "claims"));
}

TEST(Claims, OfAFolderThatIsRemovedAreNone) {
  const TemporaryFolder folder;
  Claims claims(folder.path() / "claims");
  auto claim = claims.take("cell");
  ASSERT_TRUE(claim);
  std::filesystem::remove_all(folder.path() / "claims");
  EXPECT_FALSE(claims.holder("cell"));
  EXPECT_TRUE(claims.take("another cell"));
}

TEST(Claims, NeedAFolderThatCanBeWritten) {
  const TemporaryFolder folder;
  folder.write("file", "in the way");
  EXPECT_THAT(testing_support::message_of<UserError>([&] { Claims claims(folder.path() / "file"); }), HasSubstr("folder"));
}

}  // namespace
}  // namespace unpact
