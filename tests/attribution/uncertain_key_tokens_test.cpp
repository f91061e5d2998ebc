#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "unpact/attribution/key_tokens.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;

using Values = std::vector<float>;

std::vector<std::uint8_t> uncertain(const Values& contributions, double noise_floor, const Values& errors = {}) {
  return find_uncertain_key_tokens(contributions, errors, {0.22, 0.24}, noise_floor);
}

TEST(UncertainKeyTokens, AreThoseNearTheAbsoluteFloor) {
  EXPECT_THAT(uncertain({0.5F, 0.25F, 0.23F, 0.1F}, 0.006), ElementsAre(0, 1, 1, 0));  // margins 0.01 against 0.012
  EXPECT_THAT(uncertain({0.5F, 0.25F, 0.23F, 0.1F}, 0.004), Each(0));
  EXPECT_THAT(uncertain({0.5F, 0.25F, 0.23F, 0.1F}, 0.0), Each(0));
}

TEST(UncertainKeyTokens, TheRelativeFloorCarriesTheNoiseOfTheLargest) {
  // The floor is 0.44, give or take 0.22 * 1.96 * 0.1 = 0.043: margins 0.01 and 0.04 are inside, 0.05 is not.
  EXPECT_THAT(uncertain({2.0F, 0.45F, 0.40F, 0.39F, 0.1F}, 0.0, {0.1F, 0, 0, 0, 0}), ElementsAre(0, 1, 1, 0, 0));
}

TEST(UncertainKeyTokens, EveryTokenHasItsOwnError) {
  EXPECT_THAT(uncertain({0.5F, 0.34F, 0.34F}, 0.0, {0, 0.1F, 0.01F}),
              ElementsAre(0, 1, 0));                                                 // margin 0.1 against 0.196 and 0.0196
  EXPECT_THAT(uncertain({0.5F, 0.0F}, 0.0, {std::nanf(""), 0}), ElementsAre(1, 0));  // an unknown error
}

TEST(UncertainKeyTokens, OfNothingAreNothing) {
  EXPECT_THAT(uncertain({}, 1.0), IsEmpty());
  EXPECT_THROW(uncertain({1.0F}, 0.0, {1.0F, 2.0F}), ContractViolation);
}

}  // namespace
}  // namespace unpact
