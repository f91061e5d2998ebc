#include "../../src/evaluation/rouge.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "unpact/core/json.hpp"

namespace unpact {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Both sides do the same four operations on small integers, so they agree bit for bit where the compiler does not
// fuse them; this leaves room for that and no more: the closest two different scores are far wider apart.
constexpr double kTolerance = 1e-12;

TEST(RougeTokens, SplitsAtEverythingButLettersAndDigits) {
  EXPECT_THAT(rouge_tokens("The U.S. won 3-2, didn't_it?\n", Stemming::off),
              ElementsAre("the", "u", "s", "won", "3", "2", "didn", "t", "it"));
  EXPECT_THAT(rouge_tokens("", Stemming::off), IsEmpty());
  EXPECT_THAT(rouge_tokens(" ... \t", Stemming::porter), IsEmpty());
}

TEST(RougeTokens, SplitsAtCharactersOutsideAscii) {
  EXPECT_THAT(rouge_tokens("caf\u00e9s na\u00efve \u6771\u4eac x\u00b2", Stemming::off),
              ElementsAre("caf", "s", "na", "ve", "x"));
  EXPECT_THAT(rouge_tokens("a\xC4 b\xE2\x84 c\xFF", Stemming::off), ElementsAre("a", "b", "c"));  // not UTF-8
}

TEST(RougeTokens, CountsCharactersWhoseLowerCaseIsAscii) {
  EXPECT_THAT(rouge_tokens("300\u212A \u212Aelvin", Stemming::off), ElementsAre("300k", "kelvin"));
  EXPECT_THAT(rouge_tokens("\u0130zm\u0130r \u0130", Stemming::off), ElementsAre("i", "zmi", "r", "i"));
}

TEST(RougeTokens, StemsOnlyWordsOfMoreThanThreeCharacters) {
  EXPECT_THAT(rouge_tokens("Dies was flies controlling", Stemming::porter), ElementsAre("die", "was", "fli", "control"));
}

TEST(RougeL, CountsTheLongestCommonSubsequence) {
  const auto score = rouge_l("the cat sat on the mat", "the mat cat sat", Stemming::off);
  EXPECT_DOUBLE_EQ(score.recall, 3.0 / 6);
  EXPECT_DOUBLE_EQ(score.precision, 3.0 / 4);
  EXPECT_DOUBLE_EQ(score.f1, 0.6);
}

TEST(RougeL, IsZeroWhereATextHasNoWord) {
  for (const auto& [reference, prediction] : {std::pair{"", ""}, {"a", ""}, {"", "a"}, {"...", "a"}, {"a", "b"}}) {
    const auto score = rouge_l(reference, prediction, Stemming::off);
    EXPECT_EQ(score.precision, 0);
    EXPECT_EQ(score.recall, 0);
    EXPECT_EQ(score.f1, 0);
  }
}

TEST(RougeL, IsOneForEqualWords) {
  const auto score = rouge_l("Flies, died!", "flies DIED", Stemming::off);
  EXPECT_EQ(score.precision, 1);
  EXPECT_EQ(score.recall, 1);
  EXPECT_EQ(score.f1, 1);
  EXPECT_EQ(rouge_l("controlled", "controlling", Stemming::off).f1, 0);
  EXPECT_EQ(rouge_l("controlled", "controlling", Stemming::porter).f1, 1);
}

TEST(RougeL, SwapsPrecisionAndRecallWithItsTexts) {
  const auto one = rouge_l("a b c d e", "b d x", Stemming::off), other = rouge_l("b d x", "a b c d e", Stemming::off);
  EXPECT_EQ(one.precision, other.recall);
  EXPECT_EQ(one.recall, other.precision);
  EXPECT_EQ(one.f1, other.f1);
}

void expect_equal(const RougeScore& score, const Json& expected, const Json& row) {
  EXPECT_NEAR(score.precision, expected[0].get<double>(), kTolerance) << row;
  EXPECT_NEAR(score.recall, expected[1].get<double>(), kTolerance) << row;
  EXPECT_NEAR(score.f1, expected[2].get<double>(), kTolerance) << row;
}

TEST(RougeL, EqualsRougeScore) {
  const std::filesystem::path path = UNPACT_FIXTURES "/evaluation/rouge.json";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is missing; make_fixtures.py writes it";
  const auto rows = read_json_file(path);
  ASSERT_GE(rows.size(), 1000u);
  for (const auto& row : rows) {
    const auto reference = row["reference"].get<std::string>(), prediction = row["prediction"].get<std::string>();
    expect_equal(rouge_l(reference, prediction, Stemming::off), row["plain"], row);
    expect_equal(rouge_l(reference, prediction, Stemming::porter), row["stemmed"], row);
  }
}

}  // namespace
}  // namespace unpact
