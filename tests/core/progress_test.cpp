#include "unpact/core/progress.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "core/temporary_folder.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::Not;
using testing_support::message_of;
using testing_support::TemporaryFolder;

/// What the call prints on standard output and standard error.
template <class Call>
std::pair<std::string, std::string> printed(const Call& call) {
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  call();
  auto out = testing::internal::GetCapturedStdout();
  return {std::move(out), testing::internal::GetCapturedStderr()};
}

/// Puts the process back as rank 0 of 1.
class Logging : public testing::Test {
 protected:
  void TearDown() override { log::set_rank(0, 1); }
};
using ProgressLine = Logging;

TEST(FormatDuration, ThreeShapes) {
  EXPECT_EQ(format_duration(0), "0.0 s");
  EXPECT_EQ(format_duration(4.2), "4.2 s");
  EXPECT_EQ(format_duration(60), "1 min 00 s");
  EXPECT_EQ(format_duration(185.9), "3 min 05 s");
  EXPECT_EQ(format_duration(3599), "59 min 59 s");
  EXPECT_EQ(format_duration(3600), "1 h 00 min");
  EXPECT_EQ(format_duration(3720), "1 h 02 min");
  EXPECT_EQ(format_duration(90000), "25 h 00 min");
}

TEST(FormatDuration, RoundingStaysInItsShape) { EXPECT_EQ(format_duration(59.97), "1 min 00 s"); }

TEST_F(ProgressLine, ClosingLineHasCountRateAndNote) {
  const auto [out, err] = printed([] {
    Progress progress("answers", 3, "prompts");
    progress.advance();
    progress.advance(2, "loss 1.5");
  });
  EXPECT_THAT(out + err, HasSubstr("answers: 3/3 prompts, "));
  EXPECT_THAT(out + err, AllOf(HasSubstr("/s, "), HasSubstr(", loss 1.5\n")));
}

TEST_F(ProgressLine, FinishPrintsOnce) {
  const auto [out, err] = printed([] {
    Progress progress("x", 1, "units");
    progress.finish();
    progress.finish();
  });
  const auto text = out + err;
  EXPECT_EQ(text.find("0/1 units"), text.rfind("0/1 units"));
  EXPECT_THAT(text, HasSubstr("0/1 units"));
}

TEST_F(ProgressLine, AnExceptionLeavesNoClosingLine) {
  const auto [out, err] = printed([] {
    try {
      Progress progress("x", 2, "units");
      progress.advance();
      throw std::runtime_error("stop");
    } catch (const std::runtime_error&) {
    }
  });
  EXPECT_THAT(out + err, Not(HasSubstr("units")));
}

TEST_F(ProgressLine, OtherRanksAreSilent) {
  log::set_rank(1, 2);
  const auto [out, err] = printed([] { Progress("x", 2, "units").advance(2); });
  EXPECT_THAT(out + err, IsEmpty());
}

TEST_F(Logging, RankZeroSpeaksOnStandardOutput) {
  const auto [out, err] = printed([] {
    log::info("hello");
    log::detail("only in the file");
  });
  EXPECT_EQ(out, "hello\n");
  EXPECT_EQ(err, "");
  log::set_rank(2, 3);
  EXPECT_EQ(log::rank(), 2);
  EXPECT_EQ(log::world_size(), 3);
  EXPECT_THAT(printed([] { log::info("hello"); }).first, IsEmpty());
}

TEST_F(Logging, WarningsAndErrorsNameTheRank) {
  EXPECT_EQ(printed([] { log::warn("careful"); }).second, "unpact: warning: careful\n");
  log::set_rank(2, 3);
  EXPECT_EQ(printed([] { log::warn("careful"); }).second, "[rank 2] unpact: warning: careful\n");
  EXPECT_EQ(printed([] { log::error("broken"); }).second, "[rank 2] unpact: error: broken\n");
}

TEST_F(Logging, EveryRankWritesItsFile) {
  const TemporaryFolder folder, other;
  log::set_rank(7, 8);
  log::open_file(folder.path() / "logs");
  printed([] {
    log::info("one");
    log::detail("two");
    log::warn("three");
  });
  log::open_file(other.path());  // closes the first
  const auto content = read_file(folder.path() / "logs/rank-0007.log");
  EXPECT_THAT(content, MatchesRegex("[0-9TZ:-]+ info one\n[0-9TZ:-]+ detail two\n[0-9TZ:-]+ warning three\n"));
}

TEST_F(Logging, AFolderThatCannotBeWrittenIsNamed) {
  const TemporaryFolder folder;
  const auto file = folder.write("file", "x");
  EXPECT_THAT(message_of<UserError>([&] { log::open_file(file); }),
              AllOf(HasSubstr("cannot write the log file"), HasSubstr("rank-0000.log")));
}

// Runs last: nothing takes it back.
TEST_F(Logging, StandardOutputMayBeForData) {
  log::keep_stdout_for_data();
  const auto [out, err] = printed([] { log::info("hello"); });
  EXPECT_EQ(out, "");
  EXPECT_EQ(err, "hello\n");
}

}  // namespace
}  // namespace unpact
