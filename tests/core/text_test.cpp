#include "unpact/core/text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/temporary_folder.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing_support::message_of;

TEST(Text, ConcatAndJoin) {
  EXPECT_EQ(concat("a", 1, ' ', 2.5, std::string("b")), "a1 2.5b");
  EXPECT_EQ(join({"a", "b", "c"}, ", "), "a, b, c");
  EXPECT_EQ(join({"a"}, ", "), "a");
  EXPECT_EQ(join({}, ", "), "");
}

TEST(Text, SplitListTrimsAndDropsEmptyPieces) {
  EXPECT_THAT(split_list(" a, b ,,c,"), ElementsAre("a", "b", "c"));
  EXPECT_THAT(split_list("a b;c", ';'), ElementsAre("a b", "c"));
  EXPECT_THAT(split_list(""), IsEmpty());
  EXPECT_THAT(split_list(" , "), IsEmpty());
}

TEST(Text, Trim) {
  EXPECT_EQ(trim(" \t\r\n a b \n"), "a b");
  EXPECT_EQ(trim("a"), "a");
  EXPECT_EQ(trim(" \n"), "");
  EXPECT_EQ(trim(""), "");
}

TEST(Text, ReplaceAll) {
  EXPECT_EQ(replace_all("aaa", "a", "aa"), "aaaaaa");
  EXPECT_EQ(replace_all("x.y.z", ".", ""), "xyz");
  EXPECT_EQ(replace_all("xyz", "q", "r"), "xyz");
  EXPECT_EQ(replace_all("aabb", "ab", ""), "ab");  // what comes together is not looked at again
  EXPECT_EQ(replace_all(std::string(1 << 20, ' '), " ", ""), "");
  EXPECT_THROW(replace_all("xyz", "", "r"), ContractViolation);
}

TEST(Text, Shortened) {
  EXPECT_EQ(shortened("four", 4), "four");
  EXPECT_EQ(shortened("fives", 4), "five...");
  EXPECT_EQ(shortened("ab\xC3\xA9", 3), "ab...");
}

TEST(Text, WellFormedUtf8) {
  // First and last of every row of the Unicode standard's table 3-7.
  for (const char* text :
       {"", "\x7F", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xE0\xBF\xBF", "\xE1\x80\x80", "\xEC\xBF\xBF", "\xED\x80\x80",
        "\xED\x9F\xBF", "\xEE\x80\x80", "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF1\x80\x80\x80", "\xF3\xBF\xBF\xBF",
        "\xF4\x80\x80\x80", "\xF4\x8F\xBF\xBF", "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\xA6\x99z"})
    EXPECT_TRUE(is_valid_utf8(text)) << testing::PrintToString(std::string(text));
  EXPECT_TRUE(is_valid_utf8(std::string("a\0b", 3)));
}

TEST(Text, IllFormedUtf8) {
  for (const char* text : {"\x80",
                           "\xBF",
                           "\xC0\x80",
                           "\xC1\xBF",
                           "\xC2",
                           "\xC2\x7F",
                           "\xC2\xC0",
                           "\xE0\x80\x80",
                           "\xE0\x9F\xBF",
                           "\xE1\x80",
                           "\xE1\x80\x7F",
                           "\xED\xA0\x80",
                           "\xED\xBF\xBF",
                           "\xF0\x80\x80\x80",
                           "\xF0\x8F\xBF\xBF",
                           "\xF1\x80\x80",
                           "\xF4\x90\x80\x80",
                           "\xF5\x80\x80\x80",
                           "\xFE",
                           "\xFF",
                           "a\xE2\x82",
                           "\xE2\x28\xA1",
                           "\xF0\x28\x8C\xBC"})
    EXPECT_FALSE(is_valid_utf8(text)) << testing::PrintToString(std::string(text));
}

TEST(Text, Unescape) {
  EXPECT_EQ(unescape(R"(\nAnswer:\s)"), "\nAnswer: ");
  EXPECT_EQ(unescape(R"(a\tb\\n\x41\x0a)"), "a\tb\\nA\n");
  EXPECT_EQ(unescape("plain"), "plain");
  EXPECT_EQ(unescape(""), "");
}

TEST(Text, UnescapeRefusesWhatItDoesNotKnow) {
  EXPECT_THAT(message_of<UserError>([] { unescape(R"(a\q)"); }), HasSubstr(R"(bad escape in 'a\q')"));
  EXPECT_THAT(message_of<UserError>([] { unescape("a\\"); }), HasSubstr("bad escape"));
  for (const char* text : {R"(\x4)", R"(\x)", R"(\xg1)", R"(\x4 )"})
    EXPECT_THAT(message_of<UserError>([&] { unescape(text); }), HasSubstr("two hexadecimal digits")) << text;
}

TEST(Text, EditDistance) {
  EXPECT_EQ(edit_distance("", ""), 0u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("abc", ""), 3u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
  EXPECT_EQ(edit_distance("sitting", "kitten"), 3u);
  EXPECT_EQ(edit_distance("flaw", "lawn"), 2u);
  EXPECT_EQ(edit_distance("same", "same"), 0u);
}

TEST(Text, ClosestMatch) {
  EXPECT_EQ(closest_match("lerning_rate", {"epochs", "learning_rate", "beta"}), "learning_rate");
  EXPECT_EQ(closest_match("bta", {"beta", "alpha"}), "beta");
  EXPECT_EQ(closest_match("temperature", {"beta", "alpha"}), "");
  EXPECT_EQ(closest_match("beta", {}), "");
}

}  // namespace
}  // namespace unpact
