#include "unpact/core/doing.hpp"

#include <gtest/gtest.h>

#include <exception>
#include <stdexcept>

#include "unpact/core/progress.hpp"

namespace unpact {
namespace {

TEST(DoingNow, IsWhatWasBegunLastAndHasNotEnded) {
  EXPECT_EQ(doing_now().what, "");
  DoingScope outer("unlearn", 10, "steps");
  outer.reach(4);
  {
    DoingScope inner("ask", 3, "prompts");
    outer.reach(5);
    EXPECT_EQ(doing_now().what, "ask");
    EXPECT_EQ(doing_now().step, 0);
    inner.reach(2);
    EXPECT_EQ(doing_now().step, 2);
  }
  const auto now = doing_now();
  EXPECT_EQ(now.what + " " + now.unit, "unlearn steps");
  EXPECT_EQ(now.step, 5);
  EXPECT_EQ(now.steps, 10);
  outer.end();
  outer.reach(6);  // harmless
  EXPECT_EQ(doing_now().what, "");
}

TEST(DoingNow, FollowsTheProgressThatIsShown) {
  {
    Progress progress("npo: unlearn", 7, "steps");
    progress.advance(3);
    EXPECT_EQ(doing_now().what, "npo: unlearn");
    EXPECT_EQ(doing_now().step, 3);
    EXPECT_EQ(doing_now().steps, 7);
    progress.finish();
    EXPECT_EQ(doing_now().what, "");  // what comes next is not this
  }
  try {
    Progress progress("cut short", 7, "steps");
    throw std::runtime_error("x");
  } catch (const std::exception&) {
    EXPECT_EQ(doing_now().what, "");
  }
}

}  // namespace
}  // namespace unpact
