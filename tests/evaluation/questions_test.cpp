#include "unpact/evaluation/questions.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>


#include "support/parity.hpp"
#include "support/tiny_language_model.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;
using testing_support::ByteTokenizer;
using testing_support::expect_close;
using testing_support::message_of;
using testing_support::small_dataset;
using testing_support::tiny_language_model;

std::vector<AskedQuestion> ask(std::size_t examples = 0, std::size_t limit = 0,
                               const Dataset& dataset = small_dataset()) {
  return ask_questions(dataset, ByteTokenizer(), {}, examples, limit);
}

std::vector<std::vector<TokenId>> prompts_of(const std::vector<AskedQuestion>& questions) {
  std::vector<std::vector<TokenId>> prompts;
  for (const auto& question : questions) prompts.push_back(question.prompt.ids);
  return prompts;
}

TEST(AskQuestions, ForgetFirstThenRetain) {
  const auto asked = ask();
  ASSERT_EQ(asked.size(), 48U);
  for (std::size_t i = 0; i < asked.size(); ++i) EXPECT_EQ(asked[i].in_forget_set, i < 45);
  EXPECT_EQ(asked[44].pair.question, "Who wrote book 44?");
  EXPECT_EQ(asked[45].pair.question, "Where is town 0?");
  EXPECT_EQ(asked[45].prompt.text, "Question: Where is town 0?\nAnswer:");
  EXPECT_EQ(ByteTokenizer().decode(asked[45].gold_answer), " Land 0");
}

TEST(AskQuestions, TheLimitIsForEachSet) {
  EXPECT_EQ(ask(0, 2).size(), 4U);
  EXPECT_EQ(ask(0, 10).size(), 13U);
  EXPECT_FALSE(ask(0, 2)[2].in_forget_set);
}

TEST(AskQuestions, EachSetHasItsOwnExamples) {
  const auto asked = ask(1);
  EXPECT_THAT(asked.front().prompt.text, StartsWith("Question: F0?\nAnswer: yes\n\nQuestion: Who"));
  EXPECT_THAT(asked.back().prompt.text, StartsWith("Question: R0?\nAnswer: no\n\nQuestion: Where"));
  EXPECT_THAT(ask(2).front().prompt.text, HasSubstr("F1?"));
}

TEST(AskQuestions, ThereMustBeEnoughExamples) {
  auto dataset = small_dataset();
  dataset.retain_examples.pop_back();
  EXPECT_THAT(message_of<UserError>([&] { ask(2, 0, dataset); }),
              AllOf(HasSubstr("prompt.examples"), HasSubstr("asks for 2"), HasSubstr("1 for its retain")));
}

TEST(AskQuestions, NamesTheQuestionThatDoesNotWork) {
  auto dataset = small_dataset();
  dataset.retain_questions[1].answer = " ";
  EXPECT_THAT(message_of<UserError>([&] { ask(0, 0, dataset); }), HasSubstr("retain question 1"));
  dataset.forget_questions[3].question = "";
  EXPECT_THAT(message_of<UserError>([&] { ask(0, 0, dataset); }), HasSubstr("forget question 3"));
}

class Answers : public testing::Test {
 protected:
  Communicator world_ = Communicator::world(), null_;
  LanguageModel model_ = tiny_language_model(1);
  std::vector<AskedQuestion> questions_ = ask();
  GenerationOptions options_ = [] {
    GenerationOptions options;
    options.max_new_tokens = 6;
    return options;
  }();
};

TEST_F(Answers, AreThoseOfGeneration) {
  const auto prompts = prompts_of(questions_);
  const auto answers = answer_prompts(world_, model_, prompts, options_);
  ASSERT_EQ(answers.size(), prompts.size());
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    EXPECT_EQ(answers[i].ids, generate(model_.transformer, {{prompts[i], 0}}, options_).front()) << i;
    EXPECT_EQ(answers[i].text, model_.text_of(answers[i].ids));
  }
}

TEST_F(Answers, DoNotDependOnTheNumberOfRanks) {
  options_.sample = true;
  const auto prompts = prompts_of(questions_);
  std::vector<std::uint64_t> streams(prompts.size());
  for (std::size_t i = 0; i < streams.size(); ++i) streams[i] = 1000 - i;
  const auto together = answer_prompts(world_, model_, prompts, options_, streams);
  const auto alone = answer_prompts(null_, model_, prompts, options_, streams);
  for (std::size_t i = 0; i < prompts.size(); ++i) EXPECT_EQ(together[i].ids, alone[i].ids) << i;
}

TEST_F(Answers, NoPromptsGiveNone) { EXPECT_THAT(answer_prompts(world_, model_, {}, options_), IsEmpty()); }

TEST_F(Answers, AreRefusedOnEveryRankAlike) {
  auto prompts = prompts_of(questions_);
  prompts[40] = {};  // in the second chunk: not on rank 0 when there are two ranks
  EXPECT_THAT(message_of<UserError>([&] { answer_prompts(world_, model_, prompts, options_); }), HasSubstr("is empty"));
  EXPECT_THROW(answer_prompts(world_, model_, prompts, options_, {1, 2}), ContractViolation);
}

TEST_F(Answers, AttributionIsThatOfTheEngine) {  // of enough questions: few are cut finer (few_questions_test.cpp)
  std::vector<std::vector<TokenId>> answers;
  for (const auto& question : questions_) answers.push_back(question.gold_answer);
  answers[2] = answers[8] = {};
  const auto engine = make_engine("shared_prefix", 4096);
  const auto results = attribute_answers(world_, model_.transformer, *engine, questions_, answers, "test");
  ASSERT_EQ(results.size(), 48U);
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (answers[i].empty()) {
      EXPECT_EQ(results[i].candidates + results[i].answer_tokens + results[i].log_probabilities.size(), 0U) << i;
      continue;
    }
    const auto& prompt = questions_[i].prompt;
    const auto expected =
        engine->run(model_.transformer, {prompt.ids, prompt.candidate_begin, prompt.candidate_end, answers[i]});
    EXPECT_EQ(results[i].log_probabilities, expected.log_probabilities) << i;
    EXPECT_EQ(results[i].candidates, expected.candidates);
    EXPECT_EQ(results[i].answer_tokens, expected.answer_tokens);
    EXPECT_LE(results[i].work.positions, expected.work.positions);  // the context may be there already
    EXPECT_EQ(results[i].work.positions_naive, expected.work.positions_naive);
    EXPECT_LE(results[i].work.model_calls, expected.work.model_calls);
    EXPECT_EQ(results[i].work.logit_rows, expected.work.logit_rows);
  }
}

TEST_F(Answers, SeveralAnswersAreThoseOfOneAfterTheOther) {
  questions_.resize(7);
  std::vector<std::vector<std::vector<TokenId>>> sets;
  for (const auto& question : questions_) sets.push_back({question.gold_answer, {5, 9}, {}, question.gold_answer});
  const auto engine = make_engine("shared_prefix", 40);
  const auto results = attribute_answer_sets(world_, model_.transformer, *engine, questions_, sets, "test");
  for (std::size_t q = 0; q < 7; ++q) {
    ASSERT_EQ(results[q].size(), 4U);
    for (const std::size_t a : {0, 1, 3}) {
      const auto& prompt = questions_[q].prompt;
      const auto expected = ReferenceEngine().run(model_.transformer, {prompt.ids, prompt.candidate_begin, prompt.candidate_end, sets[q][a]});
      // Nats; float32 sums in another order.
      expect_close(at::tensor(results[q][a].log_probabilities), at::tensor(expected.log_probabilities), 2e-5, concat(q, ", ", a));
      EXPECT_EQ(results[q][a].work.positions_naive, expected.work.positions_naive);
    }
    EXPECT_TRUE(results[q][2].log_probabilities.empty());
    EXPECT_EQ(results[q][3].work.positions, 0U);  // the same answer again
  }
}

TEST_F(Answers, WordsAreTakenOutWhole) {
  questions_.resize(3);
  std::vector<std::vector<TokenId>> answers;
  for (auto& question : questions_) {
    question.unit = RemovalUnit::word;
    answers.push_back(question.gold_answer);
  }
  const auto results = attribute_answers(world_, model_.transformer, SharedPrefixEngine(), questions_, answers, "test");
  for (std::size_t q = 0; q < 3; ++q) {
    const auto& prompt = questions_[q].prompt;
    const auto bounds = unit_bounds(prompt, RemovalUnit::word);
    ASSERT_LT(bounds.size() - 1, prompt.candidate_end - prompt.candidate_begin);
    ASSERT_EQ(results[q].candidates, prompt.candidate_end - prompt.candidate_begin);
    const auto contributions = results[q].contributions();
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

TEST_F(Answers, AttributionDoesNotDependOnTheNumberOfRanks) {
  std::vector<std::vector<TokenId>> answers;
  for (const auto& question : questions_) answers.push_back(question.gold_answer);
  for (const std::size_t budget : {24, 4096}) {  // many pieces of a question, or one
    const auto engine = make_engine("shared_prefix", budget);
    const auto together = attribute_answers(world_, model_.transformer, *engine, questions_, answers, "test");
    const auto alone = attribute_answers(null_, model_.transformer, *engine, questions_, answers, "test");
    for (std::size_t q = 0; q < questions_.size(); ++q) EXPECT_EQ(together[q].log_probabilities, alone[q].log_probabilities) << q;
  }
}

TEST_F(Answers, AttributionsProgressEndsAtItsTotal) {
  questions_.resize(9);
  const std::vector<std::vector<TokenId>> answers(9, {4});
  testing::internal::CaptureStdout();
  attribute_answers(world_, model_.transformer, ReferenceEngine(), questions_, answers, "test");
  const auto shown = testing::internal::GetCapturedStdout();
  if (!world_.is_root()) return;
  EXPECT_THAT(shown, testing::ContainsRegex("([0-9]+)/([0-9]+) prompts"));
  if (world_.size() == 1) {
    EXPECT_THAT(shown, HasSubstr("9/9 prompts"));
  }
}

TEST_F(Answers, ErrorsNameTheQuestion) {
  std::vector<std::vector<TokenId>> answers(questions_.size(), {4});
  answers[1] = {1000000};
  const auto attribute = [&] { attribute_answers(world_, model_.transformer, SharedPrefixEngine(), questions_, answers, "target"); };
  EXPECT_THAT(message_of<UserError>(attribute), AllOf(HasSubstr("target, forget question 1"), HasSubstr("token id 1000000")));
  answers[1] = {4};
  model_.transformer.weights().final_norm_D.fill_(std::nanf(""));
  EXPECT_THAT(message_of<RuntimeFailure>(attribute), AllOf(HasSubstr("question"), HasSubstr("behind the last block")));
}

TEST_F(Answers, GoldAnswersWithSpecialTokensAreRefused) {
  ModelConfig config;
  config.bos_id = 1;
  config.eos_ids = {2, 7};
  check_gold_answers(config, {});
  questions_[2].gold_answer = {3, 7};
  EXPECT_THAT(message_of<UserError>([&] { check_gold_answers(config, {questions_[2]}); }),
              AllOf(HasSubstr("question 0"), HasSubstr("end token 7")));
}

TEST_F(Answers, AttributionNeedsAnAnswerForEachQuestion) {
  EXPECT_THROW(attribute_answers(world_, model_.transformer, ReferenceEngine(), questions_, {}, "test"),
               ContractViolation);
  EXPECT_THAT(attribute_answers(world_, model_.transformer, ReferenceEngine(), {}, {}, "test"), IsEmpty());
}

}  // namespace
}  // namespace unpact
