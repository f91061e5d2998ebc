#include "src/evaluation/unicode_words.hpp"

#include <gmock/gmock.h>

#include <filesystem>

#include "src/evaluation/rouge.hpp"
#include "unpact/core/json.hpp"

namespace unpact {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(UnicodeWords, AreRunsOfLettersAndNumbers) {
  EXPECT_THAT(unicode_words("\u041c\u043e\u0441\u043a\u0432\u0430, 1147 \u0433."),
              ElementsAre("\u043c\u043e\u0441\u043a\u0432\u0430", "1147", "\u0433"));
  EXPECT_THAT(unicode_words("\u2026 \u3002!\t"), IsEmpty());
  EXPECT_THAT(unicode_words("x\xff y"), ElementsAre("x", "y")) << "bytes that are no UTF-8 separate";
  EXPECT_THAT(unicode_words("\ud55c\uad6d \uc11c\uc6b8"), ElementsAre("\ud55c\uad6d", "\uc11c\uc6b8"))
      << "Hangul has spaces";
}

TEST(UnicodeWords, OfScriptsWithoutSpacesAreLetters) {
  EXPECT_THAT(unicode_words("\u6771\u4eac2020"), ElementsAre("\u6771", "\u4eac", "2020"));
  EXPECT_THAT(unicode_words("\u30c6\u30ec\u30d3x"), ElementsAre("\u30c6", "\u30ec", "\u30d3", "x"));
  EXPECT_THAT(unicode_words("\u0e01\u0e49\u0e32\u0e51\u0e52"), ElementsAre("\u0e01\u0e49", "\u0e32", "\u0e51\u0e52"))
      << "Thai: a mark stays with its letter, digits are a number";
}

TEST(UnicodeWords, CaseFormAndWidthDoNotCount) {
  EXPECT_EQ(unicode_words("STRASSE"), unicode_words("stra\u00dfe"));
  EXPECT_EQ(unicode_words("\u039f\u0394\u039f\u03a3"), unicode_words("\u03bf\u03b4\u03bf\u03c2"));
  EXPECT_EQ(unicode_words("e\u0301te\u0301"), unicode_words("\u00c9T\u00c9"));
  EXPECT_THAT(unicode_words("\uff21\uff22\uff11\uff12"), ElementsAre("ab12"));
  EXPECT_EQ(unicode_words("\uff76\uff9e"), unicode_words("\u30ac")) << "half-width kana with a voiced mark";
  EXPECT_THAT(unicode_words("so\u00adft\u200djoined zero\u200bwidth"), ElementsAre("softjoined", "zero", "width"));
  EXPECT_THAT(unicode_words("Foo\u2122"), ElementsAre("foo"));
}

TEST(UnicodeWords, OfAsciiAreRouges) {
  for (const char* text : {"The U.S. won 3-2, didn't_it?\n", "", " ...\t", "A1 b2C3 \x01 x"})
    EXPECT_EQ(unicode_words(text), rouge_tokens(text, Stemming::off)) << text;
}

TEST(UnicodeWords, EqualThoseOfPython) {
  const std::filesystem::path path = UNPACT_FIXTURES "/evaluation/unicode_words.json";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is missing; make_fixtures.py writes it";
  const auto rows = read_json_file(path);
  ASSERT_GE(rows.size(), 1000u);
  for (const auto& row : rows) {
    const auto gold = row["gold"].get<std::string>(), answer = row["answer"].get<std::string>();
    EXPECT_EQ(unicode_words(gold), row["gold_words"].get<std::vector<std::string>>()) << row;
    EXPECT_NEAR(rouge_l(unicode_words(gold), unicode_words(answer)).recall, row["recall"].get<double>(), 1e-12) << row;
  }
}

}  // namespace
}  // namespace unpact
