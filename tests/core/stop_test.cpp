#include "unpact/core/stop.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <csignal>
#include <ctime>

#include "core/temporary_folder.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// Stops are global: each test begins and ends without any.
class StopTime : public testing::Test {
 protected:
  void SetUp() override { TearDown(); }
  void TearDown() override {
    ::unsetenv("SLURM_JOB_END_TIME");
    reset_stop();
  }
  static void job_ends_in(long seconds) {
    ::setenv("SLURM_JOB_END_TIME", std::to_string(static_cast<long>(std::time(nullptr)) + seconds).c_str(), 1);
  }
};
class Signals : public StopTime {};

TEST_F(StopTime, IsTheEarlierOfLimitAndJobEnd) {
  EXPECT_EQ(set_time_limit(0), "");
  EXPECT_FALSE(stop_wanted(1e9));
  job_ends_in(1000);
  EXPECT_EQ(set_time_limit(0), "");
  EXPECT_FALSE(stop_wanted(900));
  EXPECT_TRUE(stop_wanted(1100));
  set_time_limit(500);
  EXPECT_TRUE(stop_wanted(600));
  EXPECT_FALSE(stop_signal_came());
  job_ends_in(100);
  set_time_limit(50'000);
  EXPECT_TRUE(stop_wanted(200));
}

TEST_F(StopTime, AnEndThatWasOverIsIgnoredAndSaid) {
  job_ends_in(-3600);
  EXPECT_THAT(set_time_limit(0), AllOf(HasSubstr("SLURM_JOB_END_TIME is "), HasSubstr("before this program was started")));
  EXPECT_FALSE(stop_wanted(1e9));
  EXPECT_NE(set_time_limit(500), "");
  EXPECT_TRUE(stop_wanted(600));
  EXPECT_FALSE(stop_wanted(0));
}

TEST_F(StopTime, AVariableThatMakesNoSenseSaysNothing) {
  for (const char* text : {"", "soon", "12x", "-5", "nan", "inf", "0"}) {
    ::setenv("SLURM_JOB_END_TIME", text, 1);
    EXPECT_EQ(set_time_limit(0), "") << text;
    EXPECT_FALSE(stop_wanted(1e9)) << text;
  }
}

TEST_F(StopTime, WorkThatKeepsNothingIsLeft) {
  EXPECT_NO_THROW(leave_where_stop_is_wanted("a search"));
  job_ends_in(2);
  set_time_limit(0);
  EXPECT_THROW(leave_where_stop_is_wanted("a search"), StoppedAtCheckpoint);
}

TEST_F(Signals, OnlyTheChosenOneAsks) {
  install_stop_signal();
  std::raise(SIGUSR2);
  EXPECT_FALSE(stop_wanted());
  std::raise(SIGUSR1);
  EXPECT_TRUE(stop_wanted());
  EXPECT_TRUE(stop_signal_came());
}

TEST_F(Signals, OneThatCameBeforeItWasChosenCounts) {
  install_stop_signal();
  std::raise(SIGUSR2);
  heed_stop_signal(StopSignal::usr2);
  EXPECT_TRUE(stop_wanted());
  reset_stop();
  heed_stop_signal(StopSignal::term);
  std::raise(SIGTERM);
  EXPECT_TRUE(stop_wanted());
  heed_stop_signal(StopSignal::usr1);
}

TEST_F(Signals, OthersEndTheProcess) {
  EXPECT_EXIT(
      {
        install_stop_signal();
        heed_stop_signal(StopSignal::usr2);
        std::raise(SIGUSR1);
      },
      testing::KilledBySignal(SIGUSR1), "");
}

TEST_F(StopTime, ProgressMakesTheFileThatAScriptLooksFor) {
  const testing_support::TemporaryFolder folder;
  const auto file = folder.path() / "progress";
  ::setenv("UNPACT_PROGRESS_FILE", file.c_str(), 1);
  EXPECT_FALSE(std::filesystem::exists(file));
  note_progress();
  EXPECT_TRUE(std::filesystem::exists(file));
  std::filesystem::remove(file);
  note_progress();
  EXPECT_FALSE(std::filesystem::exists(file)) << "once";
  ::unsetenv("UNPACT_PROGRESS_FILE");
}

TEST_F(StopTime, ProgressIsRemembered) {
  EXPECT_FALSE(made_progress());
  note_progress();
  EXPECT_TRUE(made_progress());
}

}  // namespace
}  // namespace unpact
