#include "unpact/core/error.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/temporary_folder.hpp"
#include "unpact/core/clock.hpp"
#include "unpact/core/version.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing_support::message_of;

TEST(Error, MessageHasProblemReasonAndHint) {
  const UserError error("no model", "the folder is empty", "give a checkpoint");
  EXPECT_STREQ(error.what(), "no model\n  reason: the folder is empty\n  hint:   give a checkpoint");
  EXPECT_EQ(error.problem(), "no model");
  EXPECT_EQ(error.reason(), "the folder is empty");
  EXPECT_EQ(error.hint(), "give a checkpoint");
  EXPECT_STREQ(UserError("only", "", "").what(), "only");
}

TEST(Error, ExitCodes) {
  EXPECT_EQ(static_cast<int>(exit_code_of(UserError("", "", ""))), 1);
  EXPECT_EQ(static_cast<int>(exit_code_of(RuntimeFailure("", "", ""))), 2);
  EXPECT_EQ(static_cast<int>(exit_code_of(ContractViolation("", "", "", 0))), 2);
  EXPECT_EQ(static_cast<int>(exit_code_of(std::bad_alloc())), 2);
  EXPECT_EQ(static_cast<int>(ExitCode::requeue), 75);
}

TEST(Error, ValidateThrowsForTheUser) {
  EXPECT_NO_THROW(UNPACT_VALIDATE(true, "p", "r", "h"));
  EXPECT_EQ(message_of<UserError>([] { UNPACT_VALIDATE(1 == 2, "p", "r", "h"); }), "p\n  reason: r\n  hint:   h");
}

TEST(Error, ContractsNameConditionAndPlace) {
  EXPECT_NO_THROW(UNPACT_EXPECT(true));
  const auto place = AllOf(HasSubstr("1 == 2"), HasSubstr("error_test.cpp:"));
  EXPECT_THAT(message_of<ContractViolation>([] { UNPACT_EXPECT(1 == 2); }), AllOf(place, HasSubstr("precondition")));
  EXPECT_THAT(message_of<ContractViolation>([] { UNPACT_ASSERT(1 == 2); }), AllOf(place, HasSubstr("invariant")));
  EXPECT_THAT(message_of<ContractViolation>([] { UNPACT_ENSURE(1 == 2); }), AllOf(place, HasSubstr("postcondition")));
}

TEST(Clock, IsoTimeAndStopwatch) {
  EXPECT_THAT(utc_now(), MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z"));
  const Stopwatch watch;
  const double first = watch.seconds();
  EXPECT_GE(first, 0.0);
  EXPECT_LT(first, 60.0);
  EXPECT_GE(watch.seconds(), first);
}

TEST(Version, IsFilledIn) {
  EXPECT_THAT(version(), MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+"));
  EXPECT_THAT(git_commit(), MatchesRegex("unknown|[0-9a-f]{40}\\+?"));
  EXPECT_FALSE(build_type().empty());
  EXPECT_FALSE(compiler().empty());
}

}  // namespace
}  // namespace unpact
