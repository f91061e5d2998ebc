#include <gtest/gtest.h>

#include "unpact/text/terminal_text.hpp"

namespace unpact {
namespace {

TEST(TerminalText, CountsColumns) {
  EXPECT_EQ(columns_of("abc"), 3U);
  EXPECT_EQ(columns_of("\u6a21\u578b"), 4U) << "wide characters";
  EXPECT_EQ(columns_of("e\u0301"), 1U) << "a letter and the accent that joins it";
  EXPECT_EQ(columns_of("34\u00b18\u2013\u2026"), 6U);
}

TEST(TerminalText, HoldsNothingThatATerminalObeys) {
  EXPECT_EQ(clean_for_terminal("a\x1b[31m\u202e\u0085\u2028z\xff\n"), "a?[31m???z??");
  EXPECT_EQ(clean_for_terminal("\u6a21 \u00e9"), "\u6a21 \u00e9");
}

TEST(TerminalText, FillsOrCuts) {
  EXPECT_EQ(in_columns("abc", 5), "abc  ");
  EXPECT_EQ(in_columns("abcde", 5), "abcde");
  EXPECT_EQ(in_columns("abcdef", 5), "abcd\u2026");
  EXPECT_EQ(in_columns("\u6a21\u578b\u6a21", 4), "\u6a21\u2026 ") << "half a character has no place";
  EXPECT_EQ(in_columns("a\tb", 4), "a?b ");
}

}  // namespace
}  // namespace unpact
