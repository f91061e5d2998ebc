#include "../../src/evaluation/end_of_answer.hpp"

#include <gmock/gmock.h>

#include "../../src/evaluation/evaluate_model.hpp"
#include "support/tiny_language_model.hpp"
#include "unpact/inference/scoring.hpp"

namespace unpact {
namespace {

using testing_support::ByteTokenizer;
using testing_support::small_dataset;
using testing_support::tiny_language_model;

class EndOfAnswer : public testing::Test {
 protected:
  EndOfAnswer() { options_.generation.max_new_tokens = 3; }
  ModelRecord evaluate() const {
    CellRecord cell;
    return evaluate_model(world_, model_, questions_, options_, {"target", 0}, cell);
  }
  float end_behind(std::vector<TokenId> prompt, const std::vector<TokenId>& answer) const {
    prompt.insert(prompt.end(), answer.begin(), answer.end());
    return score_answers(model_.transformer, {{prompt, {2}}}).front().front();
  }

  Communicator world_ = Communicator::world();
  LanguageModel model_ = tiny_language_model(1);
  std::vector<AskedQuestion> questions_ = ask_questions(small_dataset(), ByteTokenizer(), {}, 0, 1);
  EvaluationOptions options_;
};

TEST_F(EndOfAnswer, IsScoredBehindEveryRow) {
  const auto record = evaluate();
  for (const auto* part : {&record.gold, &record.own}) {
    for (std::size_t q = 0; q < questions_.size(); ++q) {
      const auto answer = part->answer_ids.row(q);
      const auto ends = part->end_log_probabilities.row(q);
      const auto& prompt = questions_[q].prompt;
      if (answer.empty()) continue;
      ASSERT_EQ(ends.size(), part->contributions.row(q).size() + 1);
      const std::vector<TokenId> ids(answer.begin(), answer.end());
      EXPECT_NEAR(ends[0], end_behind(prompt.ids, ids), 2e-4);
      for (const std::size_t removed : {std::size_t{0}, ends.size() - 2}) {
        auto without = prompt.ids;
        without.erase(without.begin() + static_cast<std::ptrdiff_t>(prompt.candidate_begin + removed));
        EXPECT_NEAR(ends[removed + 1], end_behind(without, ids), 2e-4) << removed;
      }
    }
  }
}

TEST_F(EndOfAnswer, IsNoPartOfContributions) {
  const auto with = evaluate();
  options_.attribution.score_end = false;
  const auto without = evaluate();
  EXPECT_TRUE(without.gold.end_log_probabilities.values.empty());
  EXPECT_EQ(with.gold.log_probabilities.offsets, without.gold.log_probabilities.offsets);
  EXPECT_EQ(with.gold.answer_ids.values, without.gold.answer_ids.values);
  for (std::size_t i = 0; i < with.gold.contributions.values.size(); ++i)
    EXPECT_NEAR(with.gold.contributions.values[i], without.gold.contributions.values[i], 2e-5);
  for (std::size_t q = 0; q < questions_.size(); ++q)
    EXPECT_NEAR(with.gold.mean_log_probability[q], without.gold.mean_log_probability[q], 2e-5);
}

TEST_F(EndOfAnswer, IsLeftOutWhereItDoesNotFit) {
  const auto full = static_cast<std::size_t>(model_.transformer.config().max_positions);
  std::vector<AskedQuestion> long_one(1);
  long_one[0].prompt.ids.assign(full - 2, 5);
  EXPECT_EQ(with_end(model_, long_one, {{7, 8}}).front().size(), 2U);
  EXPECT_EQ(with_end(model_, long_one, {{7}}).front().size(), 2U);
  EXPECT_TRUE(with_end(model_, long_one, {{}}).front().empty());
  Attribution plain;
  plain.values = {1, 2};
  plain.log_probabilities = {-1, -2, -3, -1, -2, -3};
  EXPECT_TRUE(take_end(plain, 2).empty()) << "two answer tokens, three rows: there is no column for the end";
  EXPECT_EQ(plain.log_probabilities.size(), 6U);
}

}  // namespace
}  // namespace unpact
