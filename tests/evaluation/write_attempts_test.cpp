#include "unpact/evaluation/write_attempts.hpp"

#include <gmock/gmock.h>

#include "core/temporary_folder.hpp"
#include "support/tiny_language_model.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing_support::message_of;

TEST(QuestionIn, IsTheFirstLineWithoutMarks) {
  EXPECT_EQ(question_in("\n\n 1. Who is it?\n2. Or who?"), "Who is it?");
  EXPECT_EQ(question_in("12) \"Who?\""), "Who?");
  EXPECT_EQ(question_in("- \u201cWho?\u201d"), "Who?");
  EXPECT_EQ(question_in("1984 was when?"), "1984 was when?");
  EXPECT_EQ(question_in(" \n"), "");
}

TEST(Instructions, HoldTheQuestionAndNoOtherField) {
  EXPECT_NO_THROW(check_instructions(default_instructions()));
  EXPECT_THAT(message_of<UserError>([] { check_instructions({"Rephrase."}); }), HasSubstr("must contain {question}"));
  EXPECT_THAT(message_of<UserError>([] { check_instructions({"{question} or {answer}"}); }),
              HasSubstr("unknown field {answer}"));
  EXPECT_NO_THROW(check_instructions({"{question} {} { x } {3}"}));
}

class WriteAttempts : public testing::Test {
 protected:
  WriteAttempts() {
    options_.instructions = {"Say {question}", "Ask {question}"};
    options_.attempts = 3;
    options_.generation.max_new_tokens = 8;
    options_.generation.sample = true;
    options_.generation.seed = 4;
    for (const auto& pair : testing_support::small_dataset().forget_questions)
      if (questions_.size() < 6) questions_.push_back(pair);
  }
  Communicator alone_, world_ = Communicator::world();
  LanguageModel model_ = testing_support::tiny_language_model(2);
  std::vector<QuestionAnswer> questions_;
  AttemptsToWrite options_;
};

TEST_F(WriteAttempts, AreTheModelsAnswersToTheInstructions) {
  const auto written = write_attempts(world_, model_, questions_, options_);
  EXPECT_EQ(written.lines.size() + written.empty + written.equal + written.telling, 18U);
  ASSERT_GT(written.lines.size(), 6U);
  for (const auto& line : written.lines) {
    const auto a = static_cast<std::size_t>(line.attempt.back() - '1');
    const auto instruction = concat(a == 1 ? "Ask " : "Say ", questions_[line.question].question);
    const GenerationRequest request{build_prompt(*model_.tokenizer, model_.prompt_template, instruction).ids,
                                    (static_cast<std::uint64_t>(line.question) << 20) + a};
    EXPECT_EQ(line.prompt,
              question_in(model_.text_of(generate(model_.transformer, {request}, options_.generation).front())));
  }
  const auto alone = write_attempts(alone_, model_, questions_, options_);
  ASSERT_EQ(alone.lines.size(), written.lines.size()) << "ranks change nothing";
  for (std::size_t i = 0; i < alone.lines.size(); ++i) EXPECT_EQ(alone.lines[i].prompt, written.lines[i].prompt);
}

TEST_F(WriteAttempts, LeaveOutWhatTellsTheAnswerOrSaysNothingNew) {
  const auto before = write_attempts(alone_, model_, questions_, options_);
  auto changed = questions_;
  changed[before.lines[0].question].answer = before.lines[0].prompt;  // the same instructions and draws
  const auto telling = write_attempts(alone_, model_, changed, options_);
  EXPECT_GT(telling.telling, before.telling);
  options_.generation.sample = false;  // instructions 1 and 3 are one
  const auto greedy = write_attempts(alone_, model_, questions_, options_);
  EXPECT_GE(greedy.equal + greedy.empty, 6U);
}

TEST_F(WriteAttempts, AGeneratorThatAnswersNothingIsNamed) {
  model_.folder = "/models/silent";
  model_.prompt_template.stop_strings = {""};
  auto config = model_.transformer.config();
  config.eos_ids.clear();
  for (TokenId id = 0; id < config.vocabulary_size; ++id) config.eos_ids.push_back(id);
  model_.transformer = Transformer(config, model_.transformer.weights());
  EXPECT_THAT(message_of<UserError>([&] { write_attempts(world_, model_, questions_, options_); }),
              AllOf(HasSubstr("/models/silent answers nothing"), HasSubstr("18 instructions")));
}

}  // namespace
}  // namespace unpact
