#include "unpact/evaluation/check_questions.hpp"

#include <gmock/gmock.h>

#include "support/tiny_language_model.hpp"
#include "unpact/evaluation/evaluate_cell.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::HasSubstr;
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
