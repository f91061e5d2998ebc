#include "unpact/campaign/busy_watch.hpp"

#include <gtest/gtest.h>

#include "core/temporary_folder.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

class Busy : public testing::Test {
 protected:
  void write_foreign(const std::string& name, int beat) const {
    folder_.write(
        name + ".claim.1",
        concat(R"({"host": "elsewhere", "job": "", "pid": 1, "process": "x", "started": "then", "beat": )", beat, "}"));
  }
  const testing_support::TemporaryFolder folder_;
  double time_ = 0;
  Claims claims_{folder_.path(), {45, 180, [this] { return time_; }}};
};

TEST_F(Busy, IsWhatSomebodyHoldsUntilHeIsGone) {
  write_foreign("a", 1);
  BusyWatch watch(claims_);
  watch.begin_round();
  EXPECT_TRUE(watch.is_busy("a"));
  EXPECT_FALSE(watch.is_busy("b"));
  time_ = 181;
  watch.begin_round();
  EXPECT_FALSE(watch.is_busy("a"));
}

TEST_F(Busy, FindsTheOneThatIsGoneAmongMany) {
  constexpr int kNames = 12, kRounds = 30;
  BusyWatch watch(claims_);
  int found = -1;
  for (int round = 0; round < kRounds && found < 0; ++round, time_ += 30) {
    for (int name = 0; name < kNames; ++name) write_foreign(concat(name), name == 7 ? 1 : round);
    watch.begin_round();
    for (int name = 0; name < kNames; ++name)
      if (!watch.is_busy(concat(name))) found = name;
  }
  EXPECT_EQ(found, 7);
}

}  // namespace
}  // namespace unpact
