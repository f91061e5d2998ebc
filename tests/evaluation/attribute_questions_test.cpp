#include "unpact/evaluation/attribute_questions.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/attribution_settings.hpp"
#include "support/parity.hpp"
#include "support/shared_folder.hpp"
#include "support/tiny_language_model.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing_support::ByteTokenizer;
using testing_support::expect_close;
using testing_support::message_of;

std::unique_ptr<AttributionMethod> shared_prefix(std::int64_t budget = 0) {
  return make_leave_one_out(make_engine(EngineKind::shared_prefix, static_cast<std::size_t>(budget)));
}
std::unique_ptr<AttributionMethod> reference() { return make_leave_one_out(make_engine(EngineKind::reference, 0)); }

class AttributeQuestions : public testing::Test {
 protected:
  Communicator world_ = Communicator::world(), null_;
  LanguageModel model_ = testing_support::tiny_language_model(1);
  std::vector<AskedQuestion> questions_ = ask_questions(testing_support::small_dataset(), ByteTokenizer(), {}, 0, 0);
};

TEST_F(AttributeQuestions, IsThatOfTheEngine) {  // of enough questions: few are cut finer (few_questions_test.cpp)
  std::vector<std::vector<TokenId>> answers;
  for (const auto& question : questions_) answers.push_back(question.gold_answer);
  answers[2] = answers[8] = {};
  const auto engine = make_engine(EngineKind::shared_prefix, 4096);
  const auto results = attribute_answers(world_, model_.transformer, *shared_prefix(4096), questions_, answers, "test");
  ASSERT_EQ(results.size(), 48U);
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (answers[i].empty()) {
      EXPECT_EQ(results[i].values.size() + results[i].log_probabilities.size(), 0U) << i;
      continue;
    }
    const auto& prompt = questions_[i].prompt;
    const auto expected =
        engine->run(model_.transformer, {prompt.ids, prompt.candidate_begin, prompt.candidate_end, answers[i]});
    EXPECT_EQ(results[i].log_probabilities, expected.log_probabilities) << i;
    EXPECT_EQ(results[i].values, expected.contributions());
    EXPECT_EQ(results[i].mean_log_probability, expected.mean_log_probability());
    EXPECT_LE(results[i].work.positions, expected.work.positions);  // the context may be there already
    EXPECT_EQ(results[i].work.positions_naive, expected.work.positions_naive);
    EXPECT_LE(results[i].work.model_calls, expected.work.model_calls);
    EXPECT_EQ(results[i].work.logit_rows, expected.work.logit_rows);
  }
}

TEST_F(AttributeQuestions, SeveralAnswersAreThoseOfOneAfterTheOther) {
  questions_.resize(7);
  std::vector<std::vector<std::vector<TokenId>>> sets;
  for (const auto& question : questions_) sets.push_back({question.gold_answer, {5, 9}, {}, question.gold_answer});
  const auto results = attribute_answer_sets(world_, model_.transformer, *shared_prefix(40), questions_, sets, "test");
  for (std::size_t q = 0; q < 7; ++q) {
    ASSERT_EQ(results[q].size(), 4U);
    for (const std::size_t a : {0, 1, 3}) {
      const auto& prompt = questions_[q].prompt;
      const auto expected =
          ReferenceEngine().run(model_.transformer, {prompt.ids, prompt.candidate_begin, prompt.candidate_end, sets[q][a]});
      // Nats; float32 sums in another order.
      expect_close(at::tensor(results[q][a].log_probabilities), at::tensor(expected.log_probabilities), 2e-5,
                   concat(q, ", ", a));
      EXPECT_EQ(results[q][a].work.positions_naive, expected.work.positions_naive);
    }
    EXPECT_TRUE(results[q][2].log_probabilities.empty());
    EXPECT_EQ(results[q][3].work.positions, 0U);  // the same answer again
  }
}

TEST_F(AttributeQuestions, WordsAreTakenOutWhole) {
  questions_.resize(3);
  std::vector<std::vector<TokenId>> answers;
  for (auto& question : questions_) {
    question.unit = RemovalUnit::word;
    answers.push_back(question.gold_answer);
  }
  const auto results = attribute_answers(world_, model_.transformer, *shared_prefix(), questions_, answers, "test");
  for (std::size_t q = 0; q < 3; ++q) {
    const auto& prompt = questions_[q].prompt;
    const auto bounds = unit_bounds(prompt, RemovalUnit::word);
    ASSERT_LT(bounds.size() - 1, prompt.candidate_end - prompt.candidate_begin);
    ASSERT_EQ(results[q].values.size(), prompt.candidate_end - prompt.candidate_begin);
    const auto& contributions = results[q].values;
    for (std::size_t u = 0; u + 1 < bounds.size(); ++u) {
      AttributionRequest request;
      request.prompt = prompt.ids;
      request.removals = {{bounds[u], bounds[u + 1]}};
      request.answers = {answers[q]};
      const auto expected = ReferenceEngine().open(model_.transformer)->run(request).front().contributions().front();
      for (auto i = bounds[u]; i < bounds[u + 1]; ++i)
        EXPECT_NEAR(contributions[i - prompt.candidate_begin], expected, 2e-5) << "nats; float32 sums in another order";
    }
  }
}

TEST_F(AttributeQuestions, DoesNotDependOnTheNumberOfRanks) {
  std::vector<std::vector<TokenId>> answers;
  for (const auto& question : questions_) answers.push_back(question.gold_answer);
  for (const std::size_t budget : {24, 4096}) {  // many pieces of a question, or one
    const auto method = shared_prefix(static_cast<std::int64_t>(budget));
    const auto together = attribute_answers(world_, model_.transformer, *method, questions_, answers, "test");
    const auto alone = attribute_answers(null_, model_.transformer, *method, questions_, answers, "test");
    for (std::size_t q = 0; q < questions_.size(); ++q)
      EXPECT_EQ(together[q].log_probabilities, alone[q].log_probabilities) << q;
  }
}

TEST_F(AttributeQuestions, ProgressEndsAtItsTotal) {
  questions_.resize(9);
  const std::vector<std::vector<TokenId>> answers(9, {4});
  testing::internal::CaptureStdout();
  attribute_answers(world_, model_.transformer, *reference(), questions_, answers, "test");
  const auto shown = testing::internal::GetCapturedStdout();
  if (!world_.is_root()) return;
  EXPECT_THAT(shown, testing::ContainsRegex("([0-9]+)/([0-9]+) prompts"));
  if (world_.size() == 1) {
    EXPECT_THAT(shown, HasSubstr("9/9 prompts"));
  }
}

TEST_F(AttributeQuestions, ErrorsNameTheQuestion) {
  std::vector<std::vector<TokenId>> answers(questions_.size(), {4});
  answers[1] = {1000000};
  const auto attribute = [&] {
    attribute_answers(world_, model_.transformer, *shared_prefix(), questions_, answers, "target");
  };
  EXPECT_THAT(message_of<UserError>(attribute),
              AllOf(HasSubstr("target, forget question 1"), HasSubstr("token id 1000000")));
  answers[1] = {4};
  model_.transformer.weights().final_norm_D.fill_(std::nanf(""));
  EXPECT_THAT(message_of<RuntimeFailure>(attribute), AllOf(HasSubstr("question"), HasSubstr("behind the last block")));
}

TEST_F(AttributeQuestions, ErrorsNameTheSameQuestionWithEveryMethodAndPaging) {
  questions_.resize(46);                                         // 45 forget questions, then retain questions
  std::vector<std::vector<TokenId>> answers(questions_.size());  // empty ones cost nothing
  answers[2] = {4};
  const testing_support::SharedFolder folder{world_};
  const ByteTokenizer tokenizer;
  for (const auto& name : attribution_methods()) {
    const auto method = make_attribution_method(name, testing_support::small_settings(name), 1, tokenizer);
    for (const auto& [bad, called] :
         {std::pair<std::size_t, std::string>{13, "forget question 13: "}, {45, "retain question 0: "}}) {
      answers[bad] = {1000000};
      FinishedPages pages(world_, folder.path() / concat(name, bad), "any");
      for (const auto& kept : {PageOptions(), PageOptions{&pages, "attributions", 11}}) {
        const auto message = message_of<UserError>(
            [&] { attribute_answers(world_, model_.transformer, *method, questions_, answers, "target", kept); });
        EXPECT_THAT(message, AllOf(HasSubstr("target, "), HasSubstr(called), HasSubstr("token id 1000000"))) << name;
      }
      answers[bad].clear();
    }
  }
}

TEST_F(AttributeQuestions, NeedsAnAnswerForEachQuestion) {
  EXPECT_THROW(attribute_answers(world_, model_.transformer, *reference(), questions_, {}, "test"), ContractViolation);
  EXPECT_THAT(attribute_answers(world_, model_.transformer, *reference(), {}, {}, "test"), IsEmpty());
}

TEST_F(AttributeQuestions, TheRecordHoldsEveryResultAndItsKeyTokens) {
  Attribution one;
  one.values = {0.5F, 0.1F, 0.3F};
  one.standard_errors = {0.0F, 0.0F, 0.2F};
  one.mean_log_probability = -1.5;
  const auto record = record_contributions({one, Attribution()}, {{7, 8}, {}}, {0.22, 0.24}, 0.01);
  EXPECT_EQ(record.answer_ids.row(0), (std::vector<std::int32_t>{7, 8}));
  EXPECT_EQ(record.contributions.row(0), one.values);
  EXPECT_EQ(record.is_key_token.row(0), (std::vector<std::uint8_t>{1, 0, 1}));
  EXPECT_EQ(record.is_uncertain.row(0), (std::vector<std::uint8_t>{0, 0, 1}));
  EXPECT_EQ(record.mean_log_probability[0], -1.5);
  EXPECT_THAT(record.contributions.row(1), IsEmpty());
  EXPECT_EQ(record.contributions.rows(), 2U);
}

}  // namespace
}  // namespace unpact
