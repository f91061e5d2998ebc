#include "unpact/evaluation/check_questions.hpp"

#include <gmock/gmock.h>

#include "support/tiny_language_model.hpp"
#include "unpact/core/log.hpp"
#include "unpact/evaluation/evaluate_cell.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing_support::ByteTokenizer;
using testing_support::message_of;
using testing_support::small_dataset;
using testing_support::tiny_language_model;

std::string refusal(const JudgeOptions& judge, const Dataset& dataset, std::size_t limit = 0) {
  return message_of<UserError>([&] { check_questions(judge, dataset, limit); });
}

TEST(CheckQuestions, LetsGoodOnesPass) {
  for (const char* kind : {"rouge_l_recall", "rouge_l_f1", "exact_match"})
    EXPECT_NO_THROW(check_questions({.kind = kind}, small_dataset(), 0));
}

TEST(CheckQuestions, RefusesAGoldAnswerThatAnEmptyAnswerWouldMatch) {
  auto dataset = small_dataset();
  dataset.forget_questions[3].answer = "The.";
  EXPECT_THAT(refusal({.kind = "exact_match"}, dataset),
              AllOf(HasSubstr("\"The.\""), HasSubstr("forget question 3"), HasSubstr("hint")));
  EXPECT_NO_THROW(check_questions({.kind = "exact_match"}, dataset, 3)) << "that one is not asked";
  EXPECT_NO_THROW(check_questions({}, dataset, 0)) << "ROUGE sees a word";
}

TEST(CheckQuestions, RefusesAGoldAnswerThatNoAnswerWouldMatch) {
  auto dataset = small_dataset();
  dataset.retain_questions[1].answer = "...";
  for (const char* kind : {"rouge_l_recall", "rouge_l_f1", "exact_match"})
    EXPECT_THAT(refusal({.kind = kind}, dataset), AllOf(HasSubstr("retain question 1"), HasSubstr(kind)));
}

TEST(CheckQuestions, NamesAllGoldAnswersInWhichTheJudgeSeesNothing) {
  auto dataset = small_dataset();
  for (const std::size_t q : {0, 2}) dataset.forget_questions[q].answer = "\u041c\u043e\u0441\u043a\u0432\u0430";
  dataset.retain_questions[1].answer = "\u6771\u4eac";
  const auto all = dataset.forget_questions.size() + dataset.retain_questions.size();
  EXPECT_THAT(refusal({}, dataset), AllOf(HasSubstr(concat("3 of ", all, " gold answers")), HasSubstr("forget question 0 ("),
                                          HasSubstr("forget question 2 ("), HasSubstr("retain question 1 ("),
                                          HasSubstr("rouge_l_recall_unicode")));
  EXPECT_NO_THROW(check_questions({.kind = "rouge_l_recall_unicode"}, dataset, 0));
  EXPECT_NO_THROW(check_questions({.kind = "exact_match"}, dataset, 0));
  for (auto& pair : dataset.forget_questions) pair.answer = "\u041c\u043e\u0441\u043a\u0432\u0430";
  EXPECT_THAT(refusal({}, dataset),
              AllOf(HasSubstr(concat(dataset.forget_questions.size() + 1, " of ", all, " gold answers")),
                    HasSubstr("forget question 9 ("), HasSubstr(" more"), Not(HasSubstr("question 10 ("))));
}

TEST(CheckQuestions, SaysOnceWhereAnswersAreJudgedByAPartOfTheirWords) {
  auto dataset = small_dataset();
  dataset.forget_questions[1].answer = "\u041c\u043e\u0441\u043a\u0432\u0430 1147";
  testing::internal::CaptureStderr();
  check_questions({}, dataset, 0);
  check_questions({}, dataset, 0);
  check_questions({}, dataset, 1);
  check_questions({.kind = "rouge_l_f1_unicode"}, dataset, 0);
  const auto said = testing::internal::GetCapturedStderr();
  EXPECT_EQ(said.find("warning"), said.rfind("warning")) << said;
  if (log::rank() == 0) {
    EXPECT_THAT(said,
                AllOf(HasSubstr("1 of "), HasSubstr("forget question 1 (\"\u041c"), HasSubstr("rouge_l_recall_unicode")));
  }
}

TEST(CheckQuestions, LettersNeedChoices) {
  EXPECT_THAT(refusal({.kind = "choice"}, small_dataset()),
              AllOf(HasSubstr("forget question 0"), HasSubstr("has no choices")));
}

class BeforeAnythingRuns : public testing::Test {
 protected:
  /// What is in the record after the refusal.
  CellRecord refused(const EvaluationOptions& options, const char* said) {
    CellRecord record;
    EXPECT_THAT(message_of<UserError>([&] { evaluate_target(world_, model_, questions_, options, nullptr, record); }),
                HasSubstr(said));
    return record;
  }

  Communicator world_ = Communicator::world();
  LanguageModel model_ = tiny_language_model(1);
  std::vector<AskedQuestion> questions_ = ask_questions(small_dataset(), ByteTokenizer(), {}, 0, 2);
};

TEST_F(BeforeAnythingRuns, GoldAnswersAreChecked) {
  questions_[1].gold_answer = {40, 2};  // the model's end token
  const EvaluationOptions options;
  const auto record = refused(options, "end token 2");
  EXPECT_TRUE(record.work.empty() && record.target.answer.empty()) << "no question was asked";
}

TEST_F(BeforeAnythingRuns, TheJudgeIsAsked) {
  questions_[2].pair.answer = "The.";
  EvaluationOptions options;
  options.judge.kind = "exact_match";
  EXPECT_TRUE(refused(options, "retain question 0").work.empty());
}

}  // namespace
}  // namespace unpact
