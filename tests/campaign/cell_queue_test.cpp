#include "unpact/campaign/cell_queue.hpp"

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "core/temporary_folder.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/text.hpp"

namespace unpact {
namespace {

using testing_support::TemporaryFolder;
using Found = CellQueue::Found;

class Queue : public testing::Test {
 protected:
  /// A claim as another machine holds it.
  void write_foreign(const std::string& name, int beat) const {
    folder_.write(
        name + ".claim.1",
        concat(R"({"host": "elsewhere", "job": "17", "pid": 1, "process": "x", "started": "then", "beat": )", beat, "}"));
  }
  CellQueue::Next next(CellQueue& queue) {
    using Glance = CellQueue::Glance;
    const auto look_at = [this](std::size_t cell) {
      return old_.contains(cell) ? Glance::old_file : settled_.contains(cell) ? Glance::new_file : Glance::nothing;
    };
    return queue.next(claims_.look(), look_at, [this](std::size_t cell) {
      ++opened_;
      return settled_.contains(cell) && !wrong_.contains(cell);
    });
  }

  const TemporaryFolder folder_;
  double time_ = 0;
  Claims claims_{folder_.path(), {45, 180, [this] { return time_; }, "this job"}};
  std::set<std::size_t> settled_, old_, wrong_;
  int opened_ = 0;
};

TEST_F(Queue, GivesTheFreeCellsInOrder) {
  settled_ = {1};
  CellQueue queue(claims_, {"a", "b", "c"}, 1);
  const auto first = next(queue), second = next(queue);
  EXPECT_EQ(first.cell, 0U);
  EXPECT_EQ(second.cell, 2U);
  EXPECT_TRUE(first.claim && second.claim);
  EXPECT_EQ(next(queue).found, Found::empty);
}

TEST_F(Queue, GroupsThatBeginTogetherTryDifferentCellsFirst) {
  CellQueue third(claims_, {"a", "b", "c", "d"}, 1, CellQueue::kWatched, 2);
  const auto first = next(third), second = next(third);
  EXPECT_EQ(first.cell, 2U);
  EXPECT_EQ(second.cell, 0U) << "then the costliest";
  CellQueue seventh(claims_, {"b", "d"}, 1, CellQueue::kWatched, 7);
  EXPECT_EQ(next(seventh).cell, 1U) << "more groups than cells";
}

TEST_F(Queue, LeavesToOthersWhatTheyAreSeenToWorkOn) {
  write_foreign("a", 3);
  CellQueue queue(claims_, {"a", "b"}, 1);
  EXPECT_EQ(next(queue).cell, 1U) << "what is free comes first";
  EXPECT_EQ(next(queue).found, Found::wait) << "nobody can tell yet whether it lives";
  write_foreign("a", 4);
  EXPECT_EQ(next(queue).found, Found::empty);
  EXPECT_EQ(queue.held().at("a")->host, "elsewhere");
}

TEST_F(Queue, LooksAgainWhenWhatItWatchesWasGivenBackSince) {
  write_foreign("a", 3);
  const auto listing = claims_.look();
  std::filesystem::remove(folder_.path() / "a.claim.1");
  CellQueue queue(claims_, {"a"}, 1);
  const auto found = queue.next(
      listing, [](auto) { return CellQueue::Glance::nothing; }, [](auto) { return false; });
  EXPECT_EQ(found.found, Found::ours);
}

TEST_F(Queue, TakesOverFromTheDead) {
  write_foreign("a", 3);
  CellQueue queue(claims_, {"a"}, 1);
  EXPECT_EQ(next(queue).found, Found::wait);
  time_ = 181;
  const auto taken = next(queue);
  ASSERT_EQ(taken.found, Found::ours);
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "a.claim.1")) << "its holder sees that it lost";
}

TEST_F(Queue, LeavesWhatOthersHaveFinishedUnreadToThem) {
  write_foreign("a", 3);
  settled_ = {1, 2};
  CellQueue queue(claims_, {"a", "b", "c"}, 1);
  EXPECT_EQ(next(queue).found, Found::wait);
  write_foreign("a", 4);
  EXPECT_EQ(next(queue).found, Found::empty);
  EXPECT_EQ(opened_, 0);
  EXPECT_EQ(queue.held().size(), 1U);
}

TEST_F(Queue, ReadsWhatOthersHaveLeftWhenItIsTheLast) {
  settled_ = {1};
  CellQueue queue(claims_, {"a", "b"}, 1);
  const auto first = next(queue);
  EXPECT_EQ(opened_, 1) << "the one that was taken";
  EXPECT_EQ(next(queue).found, Found::empty);
  EXPECT_EQ(opened_, 2);
}

TEST_F(Queue, OpensFewOfManyFilesOfOthersAndAllWhenOneIsNotWell) {
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < 40; ++i) {
    ids.push_back(concat("c", i));
    settled_.insert(i);
  }
  CellQueue well(claims_, ids, 1, 8);
  EXPECT_EQ(next(well).found, Found::empty);
  EXPECT_EQ(opened_, 8);
  for (std::size_t i = 0; i < 39; ++i) wrong_.insert(i);
  CellQueue wrong(claims_, ids, 1, 8);
  EXPECT_EQ(next(wrong).found, Found::ours);
}

TEST_F(Queue, DoesAgainWhatLiesThereOfOtherSettingsAlsoBesideOthers) {
  write_foreign("a", 3);
  old_ = {1, 2};
  settled_ = {1};
  CellQueue queue(claims_, {"a", "b", "c"}, 1);
  EXPECT_EQ(next(queue).cell, 2U);
}

TEST_F(Queue, ForeseesWithoutTakingAnything) {
  const auto nothing = [](auto) { return CellQueue::Glance::nothing; };
  write_foreign("a", 3);
  CellQueue open(claims_, {"a", "b"}, 1), taken(claims_, {"a"}, 1);
  EXPECT_EQ(open.foresee(claims_.look(), nothing), Found::ours);
  EXPECT_EQ(taken.foresee(claims_.look(), nothing), Found::wait);
  write_foreign("a", 4);
  EXPECT_EQ(taken.foresee(claims_.look(), nothing), Found::empty);
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "b.claim.1"));
}

TEST_F(Queue, DropsWhatWasFinishedJustNow) {
  CellQueue queue(claims_, {"a", "b"}, 1);
  bool looked = false;
  const auto found = queue.next(
      claims_.look(), [](auto) { return CellQueue::Glance::nothing; },
      [&](auto cell) { return cell == 0 && (looked = true); });
  EXPECT_TRUE(looked);
  EXPECT_EQ(found.cell, 1U);
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "a.claim.1"));
}

/// Works through all cells; a line for each.
void work_through(const std::filesystem::path& folder, std::uint64_t seed, int cells) {
  Claims claims(folder / "claims");
  std::vector<std::string> ids;
  for (int i = 0; i < cells; ++i) ids.push_back(concat("cell", i));
  CellQueue queue(claims, ids, seed);
  const auto is_done = [&](std::size_t cell) { return std::filesystem::exists(folder / ids[cell]); };
  const auto look_at = [&](std::size_t cell) {
    return is_done(cell) ? CellQueue::Glance::new_file : CellQueue::Glance::nothing;
  };
  while (true) {
    const auto next = queue.next(claims.look(), look_at, is_done);
    if (next.found == Found::empty) return;
    if (next.found == Found::wait) continue;
    std::ofstream(folder / "log", std::ios::app) << ids[next.cell] << '\n';
    write_file_atomically(folder / ids[next.cell], "done");
  }
}

TEST_F(Queue, GivesEachCellToOneOfManyGroupsThatBeginAtOnce) {
  constexpr int processes = 8, cells = 40;
  for (int p = 0; p < processes; ++p)
    if (::fork() == 0) {
      work_through(folder_.path(), static_cast<std::uint64_t>(p), cells);
      ::_exit(0);
    }
  for (int p = 0; p < processes; ++p) {
    int status = -1;
    ASSERT_GT(::wait(&status), 0);
    ASSERT_EQ(status, 0);
  }
  const auto log = read_file(folder_.path() / "log");
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), cells);
  for (int i = 0; i < cells; ++i) EXPECT_THAT(log, testing::HasSubstr(concat("cell", i, "\n")));
}

}  // namespace
}  // namespace unpact
