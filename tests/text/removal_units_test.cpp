#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "text/tokenizers_for_tests.hpp"
#include "unpact/text/prompt.hpp"

namespace unpact {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing_support::message_of;

/// A prompt whose tokens are the given pieces; `before` of them and `behind` of them are context.
Prompt prompt_of(const std::vector<std::string>& pieces, std::size_t before = 0, std::size_t behind = 0) {
  Prompt prompt;
  for (const auto& piece : pieces) {
    prompt.ids.push_back(static_cast<TokenId>(prompt.ids.size()));
    prompt.spans.push_back({prompt.text.size(), prompt.text.size() + piece.size()});
    prompt.text += piece;
  }
  prompt.candidate_begin = before;
  prompt.candidate_end = pieces.size() - behind;
  return prompt;
}

TEST(UnitBounds, TokensAreOneEach) {
  EXPECT_THAT(unit_bounds(prompt_of({"Q:", " Wh", "o", "?", "\nA:"}, 1, 1), RemovalUnit::token), ElementsAre(1, 2, 3, 4));
}

TEST(UnitBounds, WordsKeepTheirPunctuationAndTheSpaceInFront) {
  EXPECT_THAT(unit_bounds(prompt_of({"Q:", " Wh", "o", " won", "?", "\nA:"}, 1, 1), RemovalUnit::word),
              ElementsAre(1, 3, 5));
  EXPECT_THAT(unit_bounds(prompt_of({"Who", " ", "won", " ", "\n"}), RemovalUnit::word), ElementsAre(0, 1, 5));
}

TEST(UnitBounds, ATokenAcrossTwoWordsJoinsThem) {
  EXPECT_THAT(unit_bounds(prompt_of({"of the", "se", " days"}), RemovalUnit::word), ElementsAre(0, 2, 3));
}

TEST(UnitBounds, SentencesEndWithTheirPunctuation) {
  const auto prompt = prompt_of(
      {"He", " said", " \"", "No", ".", "\"", " Mr", "s", " Ray", " (", "80", "%", ")", " left", "!", " Why", "?", " ok"});
  EXPECT_THAT(unit_bounds(prompt, RemovalUnit::sentence), ElementsAre(0, 6, 15, 17, 18));
  EXPECT_THAT(unit_bounds(prompt_of({"3", ".", "5", " goals", " in", " all"}), RemovalUnit::sentence), ElementsAre(0, 6));
  EXPECT_THAT(unit_bounds(prompt_of({"\u4E00\u3002", " \u4E8C\uFF1F", " \u4E09"}), RemovalUnit::sentence),
              ElementsAre(0, 1, 2, 3));
}

TEST(UnitBounds, OneTokenAndNone) {
  for (const auto unit : {RemovalUnit::token, RemovalUnit::word, RemovalUnit::sentence}) {
    EXPECT_THAT(unit_bounds(prompt_of({"Who"}), unit), ElementsAre(0, 1));
    EXPECT_THAT(unit_bounds(prompt_of({"A", "B"}, 1, 1), unit), ElementsAre(1));
  }
}

TEST(RemovalUnit, HasTheNamesOfTheOption) {
  EXPECT_THAT(names_of<RemovalUnit>(), ElementsAre("token", "word", "sentence"));
  EXPECT_EQ(name_of_value(RemovalUnit::sentence), "sentence");
}

}  // namespace
}  // namespace unpact
