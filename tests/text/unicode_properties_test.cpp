#include <gtest/gtest.h>

#include "unpact/text/unicode.hpp"

namespace unpact {
namespace {

TEST(CharacterAt, ReadsAnyBytes) {
  const std::string text = "a\u00e9\u6771\U0001f642\xFF\xE2\x84";
  std::vector<char32_t> codes;
  for (std::size_t at = 0; at < text.size(); at += character_at(text, at).bytes.size())
    codes.push_back(character_at(text, at).code);
  EXPECT_EQ(codes,
            (std::vector<char32_t>{'a', 0xE9, 0x6771, 0x1F642, kBrokenCharacter, kBrokenCharacter, kBrokenCharacter}));
  EXPECT_EQ(character_at("\xED\xA0\x80", 0).code, kBrokenCharacter) << "a surrogate is no character";
  EXPECT_EQ(character_at("\xC0\xAF", 0).code, kBrokenCharacter) << "nor is an overlong form";
}

TEST(LowerCase, KnowsEveryScript) {
  EXPECT_EQ(lower_case("ABC \u00c9\u0141\u0416\u0391"), "abc \u00e9\u0142\u0436\u03b1");
  EXPECT_EQ(lower_case("\u10a0 \u1c90 \u13a0 \u2c80 \U00010400 \U0001e900"),
            "\u2d00 \u10d0 \uab70 \u2c81 \U00010428 \U0001e922");
  EXPECT_EQ(lower_case("\u0130"), "i\u0307");
  EXPECT_EQ(lower_case("\u03a3\u03c2"), "\u03c3\u03c3");
  EXPECT_EQ(lower_case("\xFF"
                       "A\xC3"),
            "\xFF"
            "a\xC3");
}

TEST(Characters, AreWhatPythonTakesThemFor) {
  for (const char32_t c : {U'a', U'Z', U'7', U'\u00b2', U'\u00bd', U'\u2167', U'\u0661', U'\u6771', U'\u00aa'})
    EXPECT_TRUE(is_word_character(c)) << +c;
  for (const char32_t c :
       {U'_', U'-', U' ', U'\u0301', U'\u060c', U'\u0964', U'\u201c', U'\u20ac', U'\U0001f642', kBrokenCharacter})
    EXPECT_FALSE(is_word_character(c)) << +c;
  for (const char32_t c : {U' ', U'\t', U'\x1c', U'\x1f', U'\u0085', U'\u00a0', U'\u1680', U'\u2003', U'\u2028', U'\u2029',
                           U'\u202f', U'\u3000'})
    EXPECT_TRUE(is_white_space(c)) << +c;
  for (const char32_t c : {U'\u200b', U'\u180e', U'a', U'\u0000', kBrokenCharacter}) EXPECT_FALSE(is_white_space(c)) << +c;
}

}  // namespace
}  // namespace unpact
