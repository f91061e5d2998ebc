#include "../../src/evaluation/choices.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "evaluation/run_probes.hpp"
#include "unpact/inference/scoring.hpp"

namespace unpact {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing_support::focus_on_key;
using testing_support::message_of;
using testing_support::probab;
using testing_support::tiny_language_model;

/// Passes of another shape add in another order: a few roundings of logits of size one (fp32: 6e-8 each).
constexpr double kRounding = 2e-5;

class Choices : public testing::Test {
 protected:
  Choices() {
    for (int i = 0; i < 40; ++i) {
      QuestionAnswer pair{concat("Which of ", i, "?"), choice_letter(static_cast<std::size_t>(i % 4)), {}};
      pair.choices = {"a", "bb", "ccc", concat("d", i)};
      pair.introduction = "About it.\n\n";
      dataset_.forget_questions.push_back(pair);
    }
    dataset_.retain_questions = {dataset_.forget_questions.front()};
  }

  /// Letters of one token ("A"), or, behind a space, of two.
  LanguageModel model(bool single) const {
    auto made = tiny_language_model(5);
    if (single) made.prompt_template.answer_prefix = "";
    return made;
  }
  std::vector<AskedQuestion> asked(const LanguageModel& model) const {
    return ask_questions(dataset_, *model.tokenizer, model.prompt_template, 0, 0);
  }
  static std::vector<std::vector<TokenId>> prompts_of(const std::vector<AskedQuestion>& asked) {
    std::vector<std::vector<TokenId>> prompts;
    for (const auto& question : asked) prompts.push_back(question.prompt.ids);
    return prompts;
  }

  Dataset dataset_;
  Communicator world_ = Communicator::world();
};

TEST_F(Choices, PromptHoldsIntroductionAndChoices) {
  const auto questions = asked(model(true));
  const auto& prompt = questions.front().prompt;
  EXPECT_EQ(prompt.text, "Question: About it.\n\nWhich of 0?\nA. a\nB. bb\nC. ccc\nD. d0\nAnswer:");
  const auto begin = prompt.spans[prompt.candidate_begin].begin, end = prompt.spans[prompt.candidate_end - 1].end;
  EXPECT_EQ(prompt.text.substr(begin, end - begin), "Which of 0?\nA. a\nB. bb\nC. ccc\nD. d0")
      << "the introduction is context";
}

TEST_F(Choices, LogProbabilitiesAreThoseOfTheLettersAsAnswers) {
  for (const bool single : {true, false}) {
    const auto made = model(single);
    const auto questions = asked(made);
    const auto values =
        choice_log_probabilities(world_, made, prompts_of(questions), std::vector<std::size_t>(questions.size(), 4));
    ASSERT_EQ(values.size(), questions.size());
    for (std::size_t q = 0; q < questions.size(); ++q) {
      ASSERT_EQ(values[q].size(), 4u);
      for (std::size_t k = 0; k < 4; ++k) {
        const auto letter = encode_answer(*made.tokenizer, made.prompt_template, choice_letter(k));
        ASSERT_EQ(letter.size(), single ? 1u : 2u);
        const auto scores = score_answers(made.transformer, {{questions[q].prompt.ids, letter}}).front();
        const double expected = mean_log_probability(scores) * static_cast<double>(scores.size());
        EXPECT_NEAR(values[q][k], expected, kRounding) << q << " " << k;
      }
    }
  }
}

TEST_F(Choices, TheLikeliestLetterIsChosen) {
  const auto made = model(true);
  const auto questions = asked(made);
  const std::vector<std::size_t> counts(questions.size(), 4);
  const auto values = choice_log_probabilities(world_, made, prompts_of(questions), counts);
  const auto answers = choose_answers(world_, made, prompts_of(questions), counts, {});
  std::set<std::string> seen;
  for (std::size_t q = 0; q < questions.size(); ++q) {
    const auto best = std::max_element(values[q].begin(), values[q].end()) - values[q].begin();
    EXPECT_EQ(answers[q].text, choice_letter(static_cast<std::size_t>(best)));
    EXPECT_EQ(answers[q].ids, encode_answer(*made.tokenizer, made.prompt_template, answers[q].text));
    seen.insert(answers[q].text);
  }
  EXPECT_GE(seen.size(), 2u) << "otherwise this tests nothing";
}

TEST_F(Choices, SamplesFollowTheLettersProbabilities) {
  const auto made = model(true);
  const auto questions = asked(made);
  constexpr std::size_t draws = 1000;
  const std::vector<std::vector<TokenId>> prompts(draws, questions.front().prompt.ids);
  const std::vector<std::size_t> counts(draws, 4);
  std::vector<std::uint64_t> streams(draws);
  for (std::size_t i = 0; i < draws; ++i) streams[i] = i;
  GenerationOptions options;
  options.sample = true;
  options.seed = 3;
  options.temperature = 0.2;  // sharpens what a random model finds nearly equal
  const auto values = choice_log_probabilities(world_, made, {prompts.front()}, {4}).front();
  double total = 0;
  for (const double value : values) total += std::exp(value / 0.2);
  std::map<std::string, double> share;
  const auto answers = choose_answers(world_, made, prompts, counts, options, streams);
  for (const auto& answer : answers) share[answer.text] += 1.0 / draws;
  // Five standard deviations of a share of 1/2 in 1000 draws.
  for (std::size_t k = 0; k < 4; ++k)
    EXPECT_NEAR(share[choice_letter(k)], std::exp(values[k] / 0.2) / total, 5 * 0.5 / std::sqrt(draws));
  const auto again = choose_answers(world_, made, prompts, counts, options, streams);
  for (std::size_t i = 0; i < draws; ++i) EXPECT_EQ(answers[i].text, again[i].text);
}

TEST_F(Choices, ProbesAnswerByLetterAndKeepTheChoicesBelow) {
  const auto made = model(true);
  const auto questions = asked(made);
  std::vector<std::vector<std::string>> keys(questions.size(), {"Which"});
  keys[2].clear();
  const auto result =
      focus_on_key(world_, made, questions, {0, 2, 5}, keys, {"{question} Focus on {keys}."}, {}, AnswerStyle::choice);
  ASSERT_EQ(result.answer.size(), 3u);
  EXPECT_EQ(result.answer[1], "") << "without key words there is no attempt";
  const auto& pair = questions[5].pair;
  const auto prompt = build_prompt(*made.tokenizer, made.prompt_template,
                                   question_text("Which of 5? Focus on Which.", pair.choices), {}, pair.introduction);
  EXPECT_EQ(result.answer[2], choose_answers(world_, made, {prompt.ids}, {4}, {}).front().text);
  const auto samples = probab(world_, made, questions, {0, 1}, 3, {}, AnswerStyle::choice);
  EXPECT_THAT(samples.answer, testing::Each(testing::AnyOf("A", "B", "C", "D")));
  EXPECT_EQ(samples.answer.size(), 6u);
}

}  // namespace
}  // namespace unpact
