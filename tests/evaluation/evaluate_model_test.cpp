#include "../../src/evaluation/evaluate_model.hpp"

#include <gmock/gmock.h>

#include <algorithm>

#include "support/tiny_language_model.hpp"
#include "unpact/evaluation/attribute_questions.hpp"

namespace unpact {
namespace {

using testing_support::ByteTokenizer;
using testing_support::small_dataset;
using testing_support::tiny_language_model;

class EvaluateModel : public testing::Test {
 protected:
  EvaluateModel() { options_.generation.max_new_tokens = 3; }

  ModelRecord evaluate(CellRecord& cell, double noise = 0) const {
    return evaluate_model(world_, model_, questions_, options_, {"target", noise}, cell);
  }
  ModelRecord evaluate() const {
    CellRecord cell;
    return evaluate(cell);
  }
  Answers gold() const {
    Answers answers;
    for (const auto& asked : questions_) answers.push_back(asked.gold_answer);
    return answers;
  }

  Communicator world_ = Communicator::world();
  LanguageModel model_ = tiny_language_model(1);
  std::vector<AskedQuestion> questions_ = ask_questions(small_dataset(), ByteTokenizer(), {}, 0, 2);
  EvaluationOptions options_;
};

TEST_F(EvaluateModel, AnswersAreJudgedAndBothAreAttributed) {
  const auto record = evaluate();
  const auto own = answer_prompts(world_, model_, {questions_[0].prompt.ids}, options_.generation).front();
  EXPECT_EQ(record.answer[0], own.text);
  const auto judge = make_judge(options_.judge);
  for (std::size_t q = 0; q < questions_.size(); ++q)
    EXPECT_EQ(record.score.at(q), judge->score(questions_[q].pair.answer, record.answer[q]));
  EXPECT_THAT(record.is_right, testing::Each(0)) << "a random model knows nothing";
  options_.judge.threshold = 0;
  EXPECT_THAT(evaluate().is_right, testing::Each(1)) << "every score is enough";
  const auto method = make_attribution_method(kLeaveOneOut, {}, 0, ByteTokenizer());
  const auto expected = attribute_answers(world_, model_.transformer, *method, questions_, gold(), "test");
  for (std::size_t q = 0; q < questions_.size(); ++q) {
    const auto found = record.gold.contributions.row(q);
    ASSERT_EQ(found.size(), expected[q].values.size());
    for (std::size_t i = 0; i < found.size(); ++i)
      EXPECT_NEAR(found[i], expected[q].values[i], 2e-5) << "nats; float32 sums in another order";
    EXPECT_EQ(record.gold.answer_ids.row(q).size(), questions_[q].gold_answer.size());
  }
  EXPECT_EQ(record.own.answer_ids.row(0).size(), own.ids.size());
}

TEST_F(EvaluateModel, AppendsItsStagesAndWhatWasVerified) {
  options_.attribution.settings.verify = 3;
  CellRecord cell;
  cell.work.emplace_back().stage = "unlearn";
  evaluate(cell);
  ASSERT_EQ(cell.work.size(), 3U);
  EXPECT_EQ(cell.work[1].stage, "target_answers");
  EXPECT_EQ(cell.work[2].stage, "target_attribution");
  EXPECT_GT(cell.work[2].positions, 0U);
  ASSERT_EQ(cell.verification.size(), 1U);
  EXPECT_EQ(cell.verification[0].model, "target");
  EXPECT_EQ(cell.verification[0].questions, 3U);
  EXPECT_LT(cell.verification[0].largest_difference, 2e-5);
}

TEST_F(EvaluateModel, TheNoiseFloorMakesKeyTokensUncertainWhereItIsOfTheirUnit) {
  for (const std::string name : {kLeaveOneOut, "rollout"}) {
    options_.attribution.method = name;
    CellRecord cell;
    const auto uncertain = evaluate(cell, 100.0).gold.is_uncertain.values;
    const auto count = std::count(uncertain.begin(), uncertain.end(), 1);
    EXPECT_EQ(static_cast<std::size_t>(count), is_in_nats(name) ? uncertain.size() : 0U) << name;
  }
}

}  // namespace
}  // namespace unpact
