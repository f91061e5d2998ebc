#include "unpact/campaign/batch_queue.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>

#include "core/temporary_folder.hpp"
#include "unpact/core/clock.hpp"
#include "unpact/core/text.hpp"

namespace unpact {
namespace {

/// A squeue of our own, for as long as this lives.
class AskSqueue : public testing::Test {
 protected:
  void squeue_does(const std::string& script) {
    const auto file = folder_.write("squeue", "#!/bin/sh\n" + script + "\n");
    ::chmod(file.c_str(), 0755);
    ::setenv("PATH", concat(folder_.path().string(), ":", path_).c_str(), 1);
  }
  ~AskSqueue() override { ::setenv("PATH", path_.c_str(), 1); }

  testing_support::TemporaryFolder folder_;
  const std::string path_ = std::getenv("PATH");
};

TEST_F(AskSqueue, ReadsItsLines) {
  squeue_does("echo '17|RUNNING|1:00|2:00|1|n1|name'; echo garbage; echo '18|PENDING|0:00|2:00|1|(Priority)|a|b'");
  const auto queue = ask_squeue({"17", "18", "19; rm -rf x", "--help", ""});
  EXPECT_TRUE(queue.is_known);
  ASSERT_EQ(queue.jobs.size(), 2U);
  ASSERT_NE(queue.find("18"), nullptr);
  EXPECT_EQ(queue.find("18")->state + " " + queue.find("18")->where, "PENDING (Priority)");
  EXPECT_EQ(queue.find("19"), nullptr);
}

TEST_F(AskSqueue, TellsJobsThatAreGoneFromASlurmThatDoesNotAnswer) {
  squeue_does("echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1");
  EXPECT_TRUE(ask_squeue({"17"}).is_known);
  squeue_does("echo 'cannot connect' >&2; exit 1");
  EXPECT_FALSE(ask_squeue({"17"}).is_known);
  EXPECT_EQ(ask_squeue({"17"}).note, "cannot connect");
  EXPECT_FALSE(ask_squeue({}).is_known) << "nobody was asked";
}

TEST_F(AskSqueue, WaitsNoLongerThanItMay) {
  squeue_does("exec sleep 60");
  const Stopwatch watch;
  const auto queue = ask_squeue({"17"}, 0.2);
  EXPECT_FALSE(queue.is_known);
  EXPECT_NE(queue.note.find("does not answer"), std::string::npos);
  EXPECT_LT(watch.seconds(), 20);
}

TEST_F(AskSqueue, DoesWithoutSlurm) {
  ::setenv("PATH", folder_.path().c_str(), 1);
  const auto queue = ask_squeue({"17"});
  EXPECT_FALSE(queue.is_known);
  EXPECT_NE(queue.note.find("Slurm is not here"), std::string::npos);
}

}  // namespace
}  // namespace unpact
