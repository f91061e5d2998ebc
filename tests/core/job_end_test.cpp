#include "unpact/core/job_end.hpp"

#include <gmock/gmock.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmath>
#include <ctime>
#include <filesystem>
#include <fstream>

#include "temporary_folder.hpp"
#include "unpact/core/program_output.hpp"
#include "unpact/core/stop.hpp"
#include "unpact/core/text.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing_support::TemporaryFolder;

class SlurmJob : public testing::Test {
 protected:
  SlurmJob() {
    for (const auto* name : {"SLURM_JOB_END_TIME", "SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID"}) ::unsetenv(name);
    ::setenv("SLURM_JOB_ID", "4711", 1);
    ::setenv("PATH", concat(folder_.path().string(), ":", path_).c_str(), 1);
    ::setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    ::tzset();
  }
  ~SlurmJob() override {
    for (const auto* name : {"SLURM_JOB_ID", "SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID", "SQUEUE_STATES", "TZ"})
      ::unsetenv(name);
    ::setenv("PATH", path_.c_str(), 1);
    ::tzset();
    reset_stop();
  }
  /// A squeue of our own: a shell script.
  void squeue(const std::string& script) const {
    const auto file = folder_.path() / "squeue";
    std::ofstream(file) << "#!/bin/sh\n" << script << "\n";
    std::filesystem::permissions(file, std::filesystem::perms::owner_all);
  }
  static std::string in_two_hours() {
    const std::time_t then = std::time(nullptr) + 7200;
    char text[32];
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", std::localtime(&then));
    return text;
  }

  TemporaryFolder folder_;
  const std::string path_ = ::getenv("PATH");
};

TEST_F(SlurmJob, AsksSqueueWhereSlurmSetsNoVariable) {
  squeue(R"([ "$*" = "--noheader --jobs 4711 --format %e" ] || exit 3; [ "$SLURM_TIME_FORMAT" = standard ] || exit 4
[ -z "$SQUEUE_STATES" ] || exit 5; echo )" +
         in_two_hours());
  ::setenv("SQUEUE_STATES", "PENDING", 1);
  const auto end = job_end_of_batch_system();
  EXPECT_EQ(end.unknown, "");
  EXPECT_NEAR(end.seconds, static_cast<double>(std::time(nullptr)) + 7200, 30);
  set_time_limit(0, end);
  EXPECT_TRUE(stop_wanted(8000));
  EXPECT_FALSE(stop_wanted(6000));
  EXPECT_THAT(describe_time_limit(), AllOf(HasSubstr("stops by 20"), HasSubstr("at the latest (Slurm)")));
}

TEST_F(SlurmJob, NamesOneTaskOfAnArray) {
  ::setenv("SLURM_ARRAY_JOB_ID", "4700", 1);
  ::setenv("SLURM_ARRAY_TASK_ID", "3", 1);
  squeue("[ \"$3\" = 4700_3 ] && echo " + in_two_hours());
  EXPECT_TRUE(std::isfinite(job_end_of_batch_system().seconds));
}

TEST_F(SlurmJob, TheVariableCountsFirst) {
  squeue("exit 1");
  ::setenv("SLURM_JOB_END_TIME", "4102444800", 1);
  EXPECT_EQ(job_end_of_batch_system().seconds, 4102444800.0);
  ::unsetenv("SLURM_JOB_END_TIME");
}

TEST_F(SlurmJob, SaysWhyItsEndIsNotKnown) {
  const std::pair<const char*, const char*> cases[] = {{"echo N/A", "squeue says 'N/A'"},
                                                       {"echo", "squeue says ''"},
                                                       {"exit 1", "squeue ends with status 1"},
                                                       {"kill -9 $$", "squeue was ended by signal 9"},
                                                       {"exec sleep 60", "squeue does not answer within 0.2 s"}};
  for (const auto& [script, reason] : cases) {
    squeue(script);
    const auto end = job_end_of_batch_system(0.2 + 10 * (std::string(script).find("sleep") == std::string::npos));
    EXPECT_FALSE(std::isfinite(end.seconds)) << script;
    EXPECT_EQ(end.unknown, reason);
    EXPECT_EQ(set_time_limit(0, end), "");
    EXPECT_THAT(describe_time_limit(), HasSubstr(concat("does not say when this job ends: ", reason)));
  }
}

TEST_F(SlurmJob, WithoutSqueueIsSaid) {
  ::setenv("PATH", folder_.path().c_str(), 1);
  EXPECT_THAT(job_end_of_batch_system().unknown, HasSubstr("squeue cannot be started"));
}

TEST_F(SlurmJob, AJobNumberIsNoText) {
  squeue("echo " + in_two_hours());
  ::setenv("SLURM_JOB_ID", "1; rm -rf x", 1);
  const auto end = job_end_of_batch_system();
  EXPECT_FALSE(std::isfinite(end.seconds));
  EXPECT_EQ(end.unknown, "");
}

TEST_F(SlurmJob, LocalTimesAreThoseOfThisMachine) {
  EXPECT_EQ(seconds_of_local_time("2026-01-31T12:00:00"), 1769857200);  // UTC+1
  EXPECT_EQ(seconds_of_local_time("2026-07-31T12:00:00"), 1785492000);  // UTC+2
  EXPECT_EQ(seconds_of_local_time("2026-10-25T02:30:00"), 1792888200) << "comes twice: the first";
  for (const auto* none : {"", "N/A", "NONE", "Unknown", "2026-01-31", "2026-01-31T12:00:00Z"})
    EXPECT_FALSE(std::isfinite(seconds_of_local_time(none))) << none;
  EXPECT_EQ(local_time(1769857200), "2026-01-31 12:00:00 CET");
}

TEST(ProgramOutput, IsReadWithoutAShell) {
  EXPECT_EQ(output_of_program({"printf", "%s", "$HOME; echo"}, 10).text, "$HOME; echo");
  EXPECT_EQ(output_of_program({"sh", "-c", "head -c 200000 /dev/zero"}, 10).problem, "");
}

}  // namespace
}  // namespace unpact
