#include "unpact/campaign/claim_pause.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace unpact {
namespace {

TEST(ClaimPause, IsShortAtFirstAndASmallShareOfWhatWasWaitedLater) {
  ClaimPause pause(1);
  double waited = 0;
  int looks = 0;
  for (; waited < 600; ++looks) {
    const double next = pause.next();
    EXPECT_GE(next, 0.375);
    EXPECT_LE(next, 1.25 * std::max({0.5, std::min(waited, 8.0), 0.1 * waited}));
    waited += next;
  }
  EXPECT_LT(looks, 45) << "every half a second it were 1200";
}

TEST(ClaimPause, HasALimitAndStartsAnew) {
  ClaimPause pause(1);
  for (double waited = 0; waited < 10000;) {
    const double next = pause.next();
    EXPECT_LE(next, 150);
    waited += next;
  }
  pause.reset();
  EXPECT_LT(pause.next(), 1);
}

TEST(ClaimPause, ForBeatsIsLongerThanABeat) {
  auto pause = ClaimPause::for_beats(1, 45);
  for (int i = 0; i < 20; ++i) EXPECT_GT(pause.next(), 46);
}

TEST(ClaimPause, NoTwoGroupsAreInStep) {
  ClaimPause one(1), other(2);
  EXPECT_NE(one.next(), other.next());
}

}  // namespace
}  // namespace unpact
