#include "unpact/campaign/claim_pause.hpp"

#include <gtest/gtest.h>

namespace unpact {
namespace {

TEST(ClaimPause, IsShortAtFirstAndASmallShareOfWhatWasWaitedLater) {
  ClaimPause pause(1);
  double waited = 0;
  int looks = 0;
  for (; waited < 600; ++looks) {
    const double next = pause.next();
    EXPECT_GE(next, 0.375);
    EXPECT_LE(next, std::max(0.625, 0.126 * waited));
    waited += next;
  }
  EXPECT_LT(looks, 80) << "every half a second it were 1200";
}

TEST(ClaimPause, HasALimitAndStartsAnew) {
  ClaimPause pause(1, 10);
  for (double waited = 0; waited < 1000;) {
    const double next = pause.next();
    EXPECT_LE(next, 12.5);
    waited += next;
  }
  pause.reset();
  EXPECT_LT(pause.next(), 1);
}

TEST(ClaimPause, NoTwoGroupsAreInStep) {
  ClaimPause one(1), other(2);
  EXPECT_NE(one.next(), other.next());
}

}  // namespace
}  // namespace unpact
