#include "../../src/evaluation/porter_stemmer.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "unpact/core/json.hpp"

namespace unpact {
namespace {

struct Example {
  const char *word, *stem;
};

void expect_stems(std::initializer_list<Example> examples) {
  for (const auto& [word, stem] : examples) EXPECT_EQ(porter_stem(word), stem) << word;
}

TEST(PorterStemmer, GivesThePapersExamples) {
  expect_stems({{"caresses", "caress"},
                {"ponies", "poni"},
                {"cats", "cat"},
                {"feed", "feed"},
                {"agreed", "agre"},
                {"plastered", "plaster"},
                {"bled", "bled"},
                {"motoring", "motor"},
                {"sing", "sing"},
                {"conflated", "conflat"},
                {"hopping", "hop"},
                {"falling", "fall"},
                {"hissing", "hiss"},
                {"failing", "fail"},
                {"filing", "file"},
                {"happy", "happi"},
                {"relational", "relat"},
                {"conditional", "condit"},
                {"rational", "ration"},
                {"vietnamization", "vietnam"},
                {"triplicate", "triplic"},
                {"electrical", "electr"},
                {"goodness", "good"},
                {"replacement", "replac"},
                {"adoption", "adopt"},
                {"probate", "probat"},
                {"rate", "rate"},
                {"cease", "ceas"},
                {"controlling", "control"},
                {"rolling", "roll"},
                {"generalizations", "gener"},
                {"oscillators", "oscil"}});
}

TEST(PorterStemmer, FollowsNltksDeviations) {
  expect_stems({{"skies", "sky"},
                {"dying", "die"},
                {"lying", "lie"},
                {"news", "news"},
                {"innings", "inning"},
                {"dies", "die"},
                {"flies", "fli"},
                {"died", "die"},
                {"spied", "spi"},
                {"fly", "fli"},
                {"enjoy", "enjoy"},
                {"say", "say"},
                {"hopefully", "hope"},
                {"nationally", "nation"},
                {"theology", "theolog"},
                {"geology", "geolog"}});
}

TEST(PorterStemmer, LeavesShortWordsAlone) { expect_stems({{"", ""}, {"a", "a"}, {"s", "s"}, {"as", "as"}, {"ed", "ed"}}); }

TEST(PorterStemmer, SurvivesWordsThatAreOnlySuffixes) {
  expect_stems({{"ing", "ing"}, {"ied", "i"}, {"eed", "eed"}, {"ion", "ion"}, {"sses", "ss"}, {"yyyy", "yyyi"}});
}

TEST(PorterStemmer, TakesLongWordsInLinearTime) { EXPECT_EQ(porter_stem(std::string(1'000'000, 'y')).size(), 1'000'000u); }

TEST(PorterStemmer, EqualsNltk) {
  const std::filesystem::path path = UNPACT_FIXTURES "/evaluation/stems.json";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is missing; make_fixtures.py writes it";
  const auto rows = read_json_file(path);
  ASSERT_GE(rows.size(), 5000u);
  for (const auto& row : rows)
    EXPECT_EQ(porter_stem(row[0].get<std::string>()), row[1].get<std::string>()) << "word " << row[0];
}

}  // namespace
}  // namespace unpact
