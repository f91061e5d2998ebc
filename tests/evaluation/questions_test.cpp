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
using testing_support::message_of;
using testing_support::small_dataset;
using testing_support::tiny_language_model;

std::vector<AskedQuestion> ask(std::size_t examples = 0, std::size_t limit = 0, const Dataset& dataset = small_dataset()) {
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

TEST_F(Answers, GoldAnswersWithSpecialTokensAreRefused) {
  ModelConfig config;
  config.bos_id = 1;
  config.eos_ids = {2, 7};
  check_gold_answers(config, {});
  questions_[2].gold_answer = {3, 7};
  EXPECT_THAT(message_of<UserError>([&] { check_gold_answers(config, {questions_[2]}); }),
              AllOf(HasSubstr("question 0"), HasSubstr("end token 7")));
}

}  // namespace
}  // namespace unpact
