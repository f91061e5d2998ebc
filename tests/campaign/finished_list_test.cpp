#include "unpact/campaign/finished_list.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <fstream>

#include "core/temporary_folder.hpp"

namespace unpact {
namespace {

class Finished : public testing::Test {
 protected:
  Finished() { std::filesystem::create_directory(folder_.path() / "logs"); }
  FinishedList list() const { return FinishedList(folder_.path()); }
  void append(const std::string& text) const { std::ofstream(folder_.path() / "logs/finished.txt", std::ios::app) << text; }
  const testing_support::TemporaryFolder folder_;
};

TEST_F(Finished, KnowsWhatWasAddedByAnybody) {
  list().add("a", "1");
  list().add("b", "2");
  auto seen = list();
  EXPECT_TRUE(seen.has("a", "1") && seen.has("b", "2"));
  EXPECT_FALSE(seen.has("a", "2")) << "other settings";
  EXPECT_FALSE(seen.has("c", "1"));
  EXPECT_FALSE(seen.has("c", "")) << "a fingerprint that is not known yet";
}

TEST_F(Finished, TheLastLineOfACellCounts) {
  list().add("a", "1");
  list().add("a", "2");
  EXPECT_FALSE(list().has("a", "1")) << "these results were moved away";
  EXPECT_TRUE(list().has("a", "2"));
}

TEST_F(Finished, TornLinesAreNotBelieved) {
  append("1 a2 b\n3 c\n4");
  auto seen = list();
  EXPECT_FALSE(seen.has("a", "1") || seen.has("b", "2"));
  EXPECT_TRUE(seen.has("c", "3"));
}

TEST_F(Finished, WithoutAFolderThereIsNone) {
  FinishedList nowhere(folder_.path() / "nowhere");
  nowhere.add("a", "1");
  EXPECT_FALSE(nowhere.has("a", "1"));
}

TEST_F(Finished, ATableIsOfAllCellsUntilALineIsAdded) {
  EXPECT_FALSE(is_collected(folder_.path())) << "neither table nor list";
  list().add("a", "1");
  EXPECT_FALSE(is_collected(folder_.path()));
  const auto table = folder_.path() / "campaign.h5";
  std::ofstream(table) << "x";
  const auto time = std::filesystem::last_write_time(folder_.path() / "logs/finished.txt");
  std::filesystem::last_write_time(table, time + std::chrono::seconds(1));
  EXPECT_TRUE(is_collected(folder_.path()));
  std::filesystem::last_write_time(table, time - std::chrono::seconds(1));
  EXPECT_FALSE(is_collected(folder_.path()));
}

TEST_F(Finished, IsReadAgainAfterAWhile) {
  double now = 0;
  FinishedList seen(folder_.path(), [&] { return now; });
  EXPECT_FALSE(seen.has("a", "1"));
  list().add("a", "1");
  EXPECT_FALSE(seen.has("a", "1")) << "a round of questions costs one reading";
  now = 11;
  EXPECT_TRUE(seen.has("a", "1"));
}

}  // namespace
}  // namespace unpact
