#include "unpact/attribution/key_tokens.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/temporary_folder.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing_support::message_of;

using Flags = std::vector<std::uint8_t>;
using Contributions = std::vector<float>;

Flags keys(const Contributions& contributions, double alpha = 0.22, double beta = 0.24) {
  return find_key_tokens(contributions, {alpha, beta});
}

TEST(KeyTokens, NeedBothFloors) {
  EXPECT_THAT(keys({2.0F, 0.43F, 0.45F, 0.0F, -3.0F}), ElementsAre(1, 0, 1, 0, 0));  // relative floor: 0.44
  EXPECT_THAT(keys({0.5F, 0.23F, 0.25F}), ElementsAre(1, 0, 1));                     // absolute floor: 0.24
}

TEST(KeyTokens, FloorsThemselvesCount) {
  EXPECT_THAT(keys({2.0F, 1.0F, 0.5F}, 0.25, 0.25), ElementsAre(1, 1, 1));
  EXPECT_THAT(keys({2.0F, 1.0F, 0.499F}, 0.25, 0.25), ElementsAre(1, 1, 0));
  EXPECT_THAT(keys({1.0F, 0.25F, 0.249F}, 0.0, 0.25), ElementsAre(1, 1, 0));
}

TEST(KeyTokens, AModelThatIgnoresItsPromptHasNone) {
  EXPECT_THAT(keys({0.1F, 0.05F, 0.0F}), Each(0));
  EXPECT_THAT(keys({-1.0F, -2.0F}), Each(0));
  EXPECT_THAT(keys({}), IsEmpty());
}

TEST(KeyTokens, NegativeMaximumWithANegativeFloor) {
  EXPECT_THAT(keys({-1.0F, -4.0F, -9.0F}, 1.0, -5.0), ElementsAre(1, 0, 0));
}

TEST(KeyTokens, OptionsAreChecked) {
  const auto refusal = [](double alpha, double beta) {
    return message_of<UserError>([&] { check_key_token_options({alpha, beta}); });
  };
  EXPECT_NO_THROW(check_key_token_options({0, -1}));
  EXPECT_NO_THROW(check_key_token_options({1, 0}));
  for (const double alpha : {-0.01, 1.01, std::nan("")}) EXPECT_THAT(refusal(alpha, 0.24), HasSubstr("attribution.alpha"));
  for (const double beta : {HUGE_VAL, std::nan("")}) EXPECT_THAT(refusal(0.22, beta), HasSubstr("attribution.beta"));
}

TEST(KeyTokenCosine, ByHand) {
  EXPECT_DOUBLE_EQ(key_token_cosine(Flags{1, 1, 0, 0}, Flags{1, 1, 0, 0}), 1.0);
  EXPECT_DOUBLE_EQ(key_token_cosine(Flags{1, 1, 0, 0}, Flags{0, 0, 1, 1}), 0.0);
  EXPECT_DOUBLE_EQ(key_token_cosine(Flags{1, 1, 1, 0}, Flags{0, 1, 1, 1}), 2.0 / 3.0);
  EXPECT_DOUBLE_EQ(key_token_cosine(Flags{1, 1, 1, 1}, Flags{0, 0, 0, 1}), 0.5);
}

TEST(KeyTokenCosine, OneEmptySetIsZeroTwoAreMissing) {
  EXPECT_EQ(key_token_cosine(Flags{0, 0}, Flags{0, 1}), 0.0);
  EXPECT_EQ(key_token_cosine(Flags{1, 0}, Flags{0, 0}), 0.0);
  EXPECT_TRUE(std::isnan(key_token_cosine(Flags{0, 0}, Flags{0, 0})));
  EXPECT_TRUE(std::isnan(key_token_cosine(Flags{}, Flags{})));
}

TEST(KeyTokenCosine, ComparesTheSamePrompt) { EXPECT_THROW(key_token_cosine(Flags{1}, Flags{1, 0}), ContractViolation); }

TEST(ContributionCosine, LooksAtTheUnionAlone) {
  const Contributions f = {3.0F, 4.0F, 100.0F}, g = {4.0F, 3.0F, -100.0F};
  EXPECT_DOUBLE_EQ(contribution_cosine(f, Flags{1, 0, 0}, g, Flags{0, 1, 0}), 24.0 / 25.0);
  EXPECT_DOUBLE_EQ(contribution_cosine(f, Flags{1, 1, 0}, f, Flags{1, 1, 0}), 1.0);
  EXPECT_DOUBLE_EQ(contribution_cosine(Contributions{1.0F, 2.0F}, Flags{1, 1}, Contributions{-2.0F, -4.0F}, Flags{0, 0}),
                   -1.0);
}

TEST(ContributionCosine, IsMissingWithoutKeyTokensAndZeroWithoutContributions) {
  const Contributions f = {1.0F, 2.0F}, nothing = {0.0F, 5.0F};
  EXPECT_TRUE(std::isnan(contribution_cosine(f, Flags{0, 0}, f, Flags{0, 0})));
  EXPECT_TRUE(std::isnan(contribution_cosine(Contributions{}, Flags{}, Contributions{}, Flags{})));
  EXPECT_EQ(contribution_cosine(f, Flags{1, 0}, nothing, Flags{0, 0}), 0.0);
}

TEST(ContributionCosine, ComparesTheSamePrompt) {
  const Contributions two = {1.0F, 2.0F}, one = {1.0F};
  EXPECT_THROW(contribution_cosine(two, Flags{1, 0}, one, Flags{1, 0}), ContractViolation);
  EXPECT_THROW(contribution_cosine(two, Flags{1}, two, Flags{1, 0}), ContractViolation);
}

}  // namespace
}  // namespace unpact
