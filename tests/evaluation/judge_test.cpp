#include "unpact/evaluation/judge.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <set>

#include "core/temporary_folder.hpp"
#include "src/evaluation/judges/normalize_answer.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/json.hpp"

namespace unpact {
namespace {

using testing::HasSubstr;

TEST(Judge, TakesRecallFromOneHalfOnByDefault) {
  const auto made = make_judge({});
  const auto& judge = *made;
  EXPECT_EQ(judge.describe(), "rouge_l_recall >= 0.5");
  EXPECT_TRUE(judge.is_right("Orkney Islands", "They are the islands called Orkney, I think."));
  EXPECT_TRUE(judge.is_right("1472", "It was in 1472."));
  EXPECT_FALSE(judge.is_right("1472", "It was in 1572."));
  EXPECT_FALSE(judge.is_right("one two three", "three"));
  EXPECT_FALSE(judge.is_right("1472", ""));
}

TEST(Judge, F1PunishesLongAnswers) {
  const auto made = make_judge({.kind = "rouge_l_f1", .threshold = 0.5});
  const auto& judge = *made;
  EXPECT_TRUE(judge.is_right("1472", "in 1472, yes"));
  EXPECT_FALSE(judge.is_right("1472", "it was in 1472"));
  EXPECT_DOUBLE_EQ(judge.score("1472", "it was in 1472"), 0.4);
}

TEST(Judge, AThresholdThatIsReachedOnPaperIsReached) {
  for (int words = 1; words <= 40; ++words) {
    for (int common = 1; common <= words; ++common) {
      std::string gold, answer;
      for (int i = 0; i < words; ++i) gold += " w" + std::to_string(i);
      for (int i = 0; i < common; ++i) answer += " w" + std::to_string(i);
      const double f1 = 2.0 * common / (words + common);
      EXPECT_TRUE(make_judge({.kind = "rouge_l_f1", .threshold = f1})->is_right(gold, answer)) << common << "/" << words;
    }
  }
}

TEST(Judge, StemsWhenAsked) {
  EXPECT_FALSE(make_judge({})->is_right("controlled", "controlling"));
  const auto made = make_judge({.stem = true});
  const auto& judge = *made;
  EXPECT_TRUE(judge.is_right("controlled", "controlling"));
  EXPECT_EQ(judge.describe(), "rouge_l_recall >= 0.5 (stemmed)");
}

TEST(Judge, UnicodeWordsOfAnyScript) {
  const auto recall = make_judge({.kind = "rouge_l_recall_unicode"});
  EXPECT_EQ(recall->describe(), "rouge_l_recall_unicode >= 0.5");
  EXPECT_TRUE(
      recall->is_right("\u041c\u043e\u0441\u043a\u0432\u0430", "\u042d\u0442\u043e \u041c\u041e\u0421\u041a\u0412\u0410."));
  EXPECT_FALSE(recall->is_right("\u041c\u043e\u0441\u043a\u0432\u0430", "\u042d\u0442\u043e \u041e\u043c\u0441\u043a."));
  EXPECT_DOUBLE_EQ(recall->score("\u5317\u4eac", "\u6771\u4eac"), 0.5);
  EXPECT_EQ(recall->score("\u5317\u4eac 2008", "2008"), 1.0 / 3);
  EXPECT_EQ(make_judge({})->score("\u5317\u4eac 2008", "2008"), 1) << "rouge-score's words are those of ASCII";
  EXPECT_DOUBLE_EQ(make_judge({.kind = "rouge_l_f1_unicode"})->score("\u5317\u4eac", "\u5317\u4eac\u5e02"), 0.8);
}

TEST(Judge, SaysWhereItOverlooksWords) {
  for (const char* kind : {"rouge_l_recall", "rouge_l_f1"}) {
    const auto judge = make_judge({.kind = kind});
    for (const char* gold : {"\u041c\u043e\u0441\u043a\u0432\u0430 1147", "Mr \u738b"})
      EXPECT_TRUE(judge->overlooks_words(gold));
    for (const char* gold : {"Paris", "caf\u00e9 \u2013 1920", "", "..."})
      EXPECT_FALSE(judge->overlooks_words(gold)) << gold;
  }
  for (const char* kind : {"rouge_l_recall_unicode", "rouge_l_f1_unicode", "exact_match"})
    EXPECT_FALSE(make_judge({.kind = kind})->overlooks_words("\u041c\u043e\u0441\u043a\u0432\u0430 1147"));
}

TEST(Judge, ExactMatchNormalizesAndIgnoresTheThreshold) {
  for (const double threshold : {0.0, 0.5, 1.0}) {
    const auto made = make_judge({.kind = "exact_match", .threshold = threshold});
    const auto& judge = *made;
    EXPECT_EQ(judge.describe(), "exact_match");
    EXPECT_TRUE(judge.is_right("The Orkney Islands.", "orkney   islands"));
    EXPECT_FALSE(judge.is_right("Orkney Islands", "the islands of Orkney"));
    EXPECT_TRUE(judge.is_right("", "the"));
  }
}

TEST(Judge, ChoiceComparesLetters) {
  const auto made = make_judge({.kind = "choice", .threshold = 0.2});
  const auto& judge = *made;
  EXPECT_EQ(judge.describe(), "choice");
  EXPECT_TRUE(judge.is_right("B", "B"));
  for (const char* other : {"A", "b", "B.", " B", ""}) EXPECT_FALSE(judge.is_right("B", other)) << other;
  EXPECT_EQ(judge.score("A", "A"), 1);
}

UserError error_of(const JudgeOptions& options) {
  try {
    make_judge(options);
  } catch (const UserError& error) {
    return error;
  }
  return {"no error", "", ""};
}

TEST(Judge, RefusesWhatItCannotDo) {
  EXPECT_THAT(error_of({.kind = "rouge_l_recal"}).hint(), HasSubstr("rouge_l_recall"));
  EXPECT_THAT(error_of({.kind = "exactmatch"}).hint(), HasSubstr("exact_match"));
  EXPECT_THAT(error_of({.kind = "gpt"}).problem(), HasSubstr("'gpt'"));
  EXPECT_THAT(error_of({.kind = "gpt"}).reason(), HasSubstr("rouge_l_f1"));
  for (const double threshold : {-0.1, 1.1, std::nan("")})
    EXPECT_THAT(error_of({.threshold = threshold}).problem(), HasSubstr("threshold")) << threshold;
  EXPECT_THAT(error_of({.kind = "exact_match", .stem = true}).problem(), HasSubstr("stem"));
  EXPECT_THAT(error_of({.kind = "rouge_l_f1_unicode", .stem = true}).problem(), HasSubstr("cannot stem"));
  EXPECT_THAT(error_of({.kind = "choice", .stem = true}).problem(), HasSubstr("'choice' cannot stem"));
}

TEST(Judge, CannotJudgeAGoldAnswerInWhichItSeesNothing) {
  for (const auto& row : judge_table()) {
    const auto judge = row.make({.kind = row.name});
    EXPECT_FALSE(judge->can_judge("")) << row.name;
    EXPECT_TRUE(judge->can_judge("B")) << row.name;
  }
  for (const char* gold : {"The.", "...", " an ", "?!"})
    EXPECT_FALSE(make_judge({.kind = "exact_match"})->can_judge(gold)) << gold;
  EXPECT_TRUE(make_judge({.kind = "exact_match"})->can_judge("\u6771\u4eac"));
  for (const char* gold : {"...", "\u6771\u4eac"})
    EXPECT_FALSE(make_judge({})->can_judge(gold)) << "ROUGE knows words of ASCII alone";
  EXPECT_TRUE(make_judge({.kind = "rouge_l_recall_unicode"})->can_judge("\u6771\u4eac"));
  EXPECT_FALSE(make_judge({.kind = "rouge_l_recall_unicode"})->can_judge("\u3002\u2026"));
  EXPECT_TRUE(make_judge({})->can_judge("The."));
}

TEST(JudgeTable, SaysWhatEveryJudgeWants) {
  std::set<std::string> names;
  for (const auto& row : judge_table()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_FALSE(row.label.empty() || row.summary.empty()) << row.name;
    const auto judge = make_judge(row, {});
    EXPECT_THAT(judge->describe(), testing::StartsWith(row.name));
    if (row.reads_answers && !row.asks_judge && !row.reads_passages) {
      EXPECT_TRUE(judge->is_right("Bo", "Bo"));
    }
    if (row.can_stem) {
      EXPECT_THAT(make_judge({.kind = row.name, .stem = true})->describe(), HasSubstr("stemmed"));
    }
  }
}

TEST(JudgeRows, TheFirstDecides) {
  const auto rows = judge_rows({.kind = "exact_match, rouge_l_f1 ,contains_entity"});
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0]->name, "exact_match");
  EXPECT_EQ(make_judge({.kind = "exact_match, rouge_l_f1"})->describe(), "exact_match");
  const auto refusal = [](const char* kind) {
    return testing_support::message_of<UserError>([&] { judge_rows({.kind = kind}); });
  };
  EXPECT_THAT(refusal("exact_match, exact_match"), HasSubstr("twice"));
  EXPECT_THAT(refusal("choice, exact_match"), HasSubstr("letters of choices"));
  EXPECT_THAT(refusal(""), HasSubstr("'judge.kind' is empty"));
  EXPECT_THAT(refusal("exact_match, entity"), HasSubstr("unknown judge 'entity'"));
}

QuestionAnswer about(std::vector<std::string> entities) {
  QuestionAnswer question{"Who?", "It was somebody.", {}};
  question.entities = std::move(entities);
  return question;
}

TEST(ContainsEntity, WantsItsWordsInARow) {
  const auto judge = make_judge({.kind = "contains_entity"});
  const auto right = [&](const char* entity, const char* answer) {
    return judge->passes(judge->score_of(about({entity}), answer));
  };
  EXPECT_TRUE(right("Hsiao Yun-Hwa", "The author is called Hsiao Yun-Hwa, I think."));
  EXPECT_TRUE(right("the LGBTQ+ community", "part of an LGBTQ+ Community"));
  EXPECT_FALSE(right("Hsiao Yun-Hwa", "Yun-Hwa Hsiao"));
  EXPECT_FALSE(right("civil engineer", "a civil servant and an engineer"));
  EXPECT_FALSE(right("red", "a hundred"));
  EXPECT_FALSE(right("1472", "in 14721"));
  EXPECT_TRUE(right("1472", "not in 1472")) << "negation is not looked at";
  EXPECT_FALSE(right("civil engineer", ""));
}

TEST(ContainsEntity, TakesANameThatIsSpelledALittleOtherwise) {
  const auto judge = make_judge({.kind = "contains_entity"});
  const auto right = [&](const char* entity, const char* answer) {
    return judge->passes(judge->score_of(about({entity}), answer));
  };
  EXPECT_TRUE(right("Aleksandr Sergeyevich Pushkin", "by Alexandr Sergeyevich Pushkin himself"));
  EXPECT_FALSE(right("Aleksandr Sergeyevich Pushkin", "by Aleksandr Sergeyevich Pushkina")) << "the last word must be equal";
  EXPECT_FALSE(right("Pushkin", "Pushkim")) << "one word must be equal";
  EXPECT_FALSE(right("Boeing 747 Intercontinental Jumbo Jet", "a Boeing 737 Intercontinental Jumbo Jet"))
      << "so must numbers";
}

TEST(ContainsEntity, AnyOfSeveralWillDo) {
  const auto judge = make_judge({.kind = "contains_entity"});
  const auto question = about({"Mira O'Grady", "O'Grady"});
  EXPECT_TRUE(judge->passes(judge->score_of(question, "a Mr OGrady")));
  EXPECT_THAT(judge->lack(about({})).hint, HasSubstr("dataset.details"));
  EXPECT_EQ(judge->lack(question).reason, "");
}

TEST(NormalizeAnswer, FollowsSquad) {
  EXPECT_EQ(normalize_answer(""), "");
  EXPECT_EQ(normalize_answer(" The cat's  a\tDog! "), "cats dog");
  EXPECT_EQ(normalize_answer("An theatre banana"), "theatre banana");
  EXPECT_EQ(normalize_answer("the-end"), "theend");  // punctuation goes first
  EXPECT_EQ(normalize_answer("a b a"), "b");
}

TEST(NormalizeAnswer, KnowsCharactersOutsideAscii) {
  EXPECT_EQ(normalize_answer("\u00c9COLE \u0141\u00f3d\u017a \u041c\u041e\u0421\u041a\u0412\u0410"),
            "\u00e9cole \u0142\u00f3d\u017a \u043c\u043e\u0441\u043a\u0432\u0430");
  EXPECT_EQ(normalize_answer("\u039f\u0394\u039f\u03a3"), normalize_answer("\u03bf\u03b4\u03bf\u03c2"));
  EXPECT_EQ(normalize_answer("\u201cthe\u201d\u00a0end"), "\u201c \u201d end");
  EXPECT_EQ(normalize_answer("th\u00e9 a\u00e9"), "th\u00e9 a\u00e9");
}

TEST(NormalizeAnswer, KnowsTheWholeOfUnicode) {
  EXPECT_EQ(normalize_answer("\u1c90 \U00010400 \ua722 \u1f08"), "\u10d0 \U00010428 \ua723 \u1f00")
      << "capitals of all scripts";
  EXPECT_EQ(normalize_answer("the\u060c"), "\u060c") << "an Arabic comma ends a word";
  EXPECT_EQ(normalize_answer("a\u30fban"), "\u30fb") << "so does a middle dot";
  EXPECT_EQ(normalize_answer("the\U0001d7d8"), "the\U0001d7d8") << "a mathematical digit does not";
}

TEST(NormalizeAnswer, PassesBytesThatAreNotUtf8) {
  EXPECT_EQ(normalize_answer("X\xFFY \xE2\x84"), "x\xFFy \xE2\x84");
  EXPECT_EQ(normalize_answer("\xC3!\x89"), "\xC3\x89");  // invalid before, and not reread as one letter after
}

TEST(NormalizeAnswer, EqualsSquadsScript) {
  const std::filesystem::path path = UNPACT_FIXTURES "/evaluation/normalized.json";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is missing; make_fixtures.py writes it";
  for (const auto& row : read_json_file(path))
    EXPECT_EQ(normalize_answer(row[0].get<std::string>()), row[1].get<std::string>()) << row[0];
}

}  // namespace
}  // namespace unpact
