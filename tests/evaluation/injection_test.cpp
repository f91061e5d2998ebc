#include "../../src/evaluation/injection.hpp"

#include <gmock/gmock.h>

namespace unpact {
namespace {

const QuestionAnswer kQuestion{"Who wrote the report on the harbour?", "Mira O'Grady of Port Ellis", {}};

TEST(Injection, OfThePlainQuestionIsNothing) {
  const auto found = injection_of(kQuestion, kQuestion.question, "");
  EXPECT_FALSE(found.has_gold);
  EXPECT_EQ(found.gold_share, 0);
  EXPECT_EQ(found.new_words, 0);
}

TEST(Injection, OfAPhraseThatNamesItsOwnWordsIsNothing) {
  const auto put = kQuestion.question + " Focus on report, harbour to answer.";
  const auto found = injection_of(kQuestion, put, " Focus on  to answer.");
  EXPECT_FALSE(found.has_gold);
  EXPECT_EQ(found.new_words, 0);
  EXPECT_EQ(injection_of(kQuestion, put, "").new_words, 3) << "without the template: focus, to, answer";
}

TEST(Injection, IsTheShareOfTellingWords) {
  const auto found = injection_of(kQuestion, "Did Mira of Ellis write it?", "");
  EXPECT_DOUBLE_EQ(found.gold_share, 2.0 / 5) << "mira, ellis of mira, o, grady, port, ellis; of is no telling word";
  EXPECT_FALSE(found.has_gold);
}

TEST(Injection, OfTheAnswerInARowOrOfAllItsWordsTellsIt) {
  EXPECT_TRUE(injection_of(kQuestion, "Was it MIRA O'Grady of Port Ellis?", "").has_gold);
  EXPECT_TRUE(injection_of(kQuestion, "Port Ellis, Grady, O, Mira?", "").has_gold);
  EXPECT_FALSE(injection_of({"Q?", "red", {}}, "a hundred", "").has_gold) << "words, not letters";
  EXPECT_TRUE(injection_of({"Q?", "to be", {}}, "to be", "").has_gold) << "an answer of stop words, in a row";
  EXPECT_FALSE(injection_of({"Q?", "to be", {}}, "be to", "").has_gold);
}

/// A probe with two attempts on one question.
ProbeRecord probe(const std::string& first, const std::string& second) {
  ProbeRecord record;
  record.question = {0};
  record.attempt_labels = {"{question} ({keys})", "{keys} {question}"};
  record.put = {first, second};
  return record;
}

TEST(MeasureInjection, LooksAtEveryAttemptAndAtItsEcho) {
  std::vector<AskedQuestion> questions(1);
  questions[0].pair = {"Is the sky blue?", "the blue sky", {}};
  const auto found = measure_injection(questions, probe("Is the sky blue? (sky)", ""), AnswerStyle::text, {1, 0});
  EXPECT_THAT(found.has_gold, testing::ElementsAre(1, 0)) << "sky and blue are all that tells";
  EXPECT_THAT(found.echo_right, testing::ElementsAre(1, 0));
  EXPECT_THAT(found.new_words, testing::ElementsAre(0, 0));
  EXPECT_THAT(measure_injection(questions, probe("blue sky", ""), AnswerStyle::choice, {0, 0}).has_gold, testing::Each(0))
      << "letters stand in every question";
}

}  // namespace
}  // namespace unpact
