#include "jobs/ask/token_strip.hpp"

#include <gmock/gmock.h>

#include <algorithm>

namespace unpact {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const std::vector<StripToken> kTokens = {{"<s>", 0, false, false}, {" Who", 0.5, true, true}, {" is", -0.25, true, false}};

TEST(TokenStrip, WithoutColourPutsKeyTokensInBrackets) {
  EXPECT_EQ(render_strip(kTokens, 0.5, false), "<s>[ Who +0.50] is");
}

TEST(TokenStrip, WithColourMarksSupportHarmContextAndKeys) {
  const auto line = render_strip(kTokens, 0.5, true);
  EXPECT_THAT(line, HasSubstr("\033[2m<s>\033[0m")) << "context is dim";
  EXPECT_THAT(line, HasSubstr("\033[30;48;2;68;119;235m\033[1;4m Who\033[0m")) << "full blue, bold, underlined";
  EXPECT_THAT(line, HasSubstr("\033[30;48;2;250;202;152m is\033[0m")) << "half orange, no key";
}

TEST(TokenStrip, ColoursStayInTheirRangeBeyondTheScale) {
  EXPECT_THAT(render_strip({{"x", 100, true, false}}, 0.1, true), HasSubstr("48;2;68;119;235m"));
  EXPECT_THAT(render_strip({{"x", -100, true, false}}, 0.1, true), HasSubstr("48;2;245;150;50m"));
}

TEST(TokenStrip, APromptCannotMoveTheCursorOrColourTheTerminal) {
  for (const bool colour : {false, true}) {
    const auto line = render_strip({{"a\n\033[2J\r\x7F", 0, false, false}}, 1, colour);
    EXPECT_THAT(line,
                AllOf(Not(HasSubstr("\n")), Not(HasSubstr("\033[2J")), Not(HasSubstr("\r")), HasSubstr("a\u21B5\u00B7[2J")));
  }
}

TEST(TokenStrip, AByteTokenOfALineFeedLooksLikeOne) {
  EXPECT_EQ(render_strip({{"<0x0A>", 0, false, false}}, 1, false), "\u21B5");
}

TEST(TokenStrip, ScaleIsTheLargestMagnitudeAndNeverZero) {
  EXPECT_EQ(strip_scale(kTokens), 0.5);
  EXPECT_EQ(strip_scale({{"x", -3, true, false}, {"y", 2, true, false}}), 3);
  EXPECT_GT(strip_scale({}), 0);
}

TEST(TokenStrip, DoubtfulVerdictsCarryAQuestionMark) {
  const std::vector<StripToken> tokens = {
      {"a", 0.25, true, true, true}, {"b", 0.23, true, false, true}, {"c", 0.9, true, true, false}};
  EXPECT_EQ(render_strip(tokens, 1.0, false), "[a +0.25?]b(+0.23?)[c +0.90]");
  const auto coloured = render_strip(tokens, 1.0, true);
  EXPECT_EQ(std::count(coloured.begin(), coloured.end(), '?'), 2);
}

}  // namespace
}  // namespace unpact
