#include "../../src/evaluation/think.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <string>
#include <vector>

#include "../../src/evaluation/evaluate_model.hpp"
#include "../../src/evaluation/traces.hpp"
#include "evaluation/run_probes.hpp"
#include "support/tiny_language_model.hpp"
#include "unpact/core/error.hpp"
#include "unpact/evaluation/probe.hpp"
#include "unpact/inference/scoring.hpp"

namespace unpact {
namespace {

using testing_support::ByteTokenizer;
using testing_support::small_dataset;
using testing_support::tiny_language_model;
using Ids = std::vector<TokenId>;

Ids both_of(Ids a, const Ids& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

Ids head_of(const Ids& all, std::size_t count) { return {all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count)}; }

class Think : public testing::Test {
 protected:
  Think() {
    model_.prompt_template.thought_begin = "<t>";
    model_.prompt_template.thought_end = "</t>";
    options_.max_new_tokens = 5;
    options_.trace_tokens = 9;
    options_.short_trace_tokens = 4;
    auto dataset = small_dataset();
    for (auto* pairs : {&dataset.forget_questions, &dataset.retain_questions})
      for (auto& pair : *pairs) pair.trace = concat("So ", pair.answer, ".");
    questions_ = ask_questions(dataset, ByteTokenizer(), model_.prompt_template, 0, 2);
  }

  Ids bytes(const std::string& text) const { return ByteTokenizer().encode(text).ids; }
  Ids written(const Ids& prompt, std::int64_t tokens) const {
    GenerationOptions plain;
    plain.max_new_tokens = tokens;
    return generate(model_.transformer, {{prompt, 0}}, plain).front();
  }
  OwnAnswer answer(Thinking thinking, const Ids& prompt) {
    options_.thinking = thinking;
    return answer_prompts(world_, model_, {prompt}, options_).front();
  }

  Communicator world_ = Communicator::world();
  LanguageModel model_ = tiny_language_model(1);
  GenerationOptions options_;
  std::vector<AskedQuestion> questions_;
};

TEST_F(Think, NoThinkingAnswersBehindAnEmptyThought) {
  const auto& prompt = questions_[0].prompt.ids;
  const auto found = answer(Thinking::none, prompt);
  EXPECT_EQ(found.thought.ids, bytes("<t></t>"));
  EXPECT_EQ(found.trace, "");
  EXPECT_EQ(found.ids, written(both_of(prompt, bytes("<t></t>")), 5));
  EXPECT_EQ(found.forced, 0);
}

TEST_F(Think, ShortThoughtsAreCutAndFullOnesWithoutEndAreForced) {
  for (const auto& asked : questions_) {
    const auto opened = both_of(asked.prompt.ids, bytes("<t>"));
    for (const auto& [thinking, limit] : {std::pair(Thinking::brief, 4), std::pair(Thinking::full, 9)}) {
      const auto trace = written(opened, limit);
      const auto found = answer(thinking, asked.prompt.ids);
      EXPECT_EQ(found.thought.ids, both_of(both_of(bytes("<t>"), trace), bytes("</t>")));
      EXPECT_EQ(found.ids, written(both_of(asked.prompt.ids, found.thought.ids), 5));
      EXPECT_EQ(found.forced, thinking == Thinking::full);
      EXPECT_EQ(found.thought.trace_end - found.thought.trace_begin, trace.size());
    }
  }
}

/// A character that the model writes becomes the closing mark.
TEST_F(Think, AThoughtThatItClosesGoesOnWithTheAnswer) {
  std::size_t tested = 0;
  for (const auto& asked : questions_) {
    const auto all = written(both_of(asked.prompt.ids, bytes("<t>")), 9 + 1 + 5);
    for (std::size_t k = 1; k < std::min<std::size_t>(9, all.size()); ++k) {
      const auto c = static_cast<unsigned char>(all[k] - 3);
      if (all[k] < 3 || all[k] >= 259 || c >= 128 || std::isalnum(c) == 0) continue;
      if (std::find(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(k), all[k]) !=
          all.begin() + static_cast<std::ptrdiff_t>(k))
        continue;
      model_.prompt_template.thought_end = std::string(1, static_cast<char>(c));
      const auto found = answer(Thinking::full, asked.prompt.ids);
      EXPECT_EQ(found.forced, 0);
      EXPECT_EQ(found.thought.trace_end - found.thought.trace_begin, k);
      const auto before = both_of(bytes("<t>"), head_of(all, k + 1));
      EXPECT_EQ(head_of(found.thought.ids, before.size()), before);
      EXPECT_EQ(found.ids, written(both_of(asked.prompt.ids, found.thought.ids), 5)) << "in one run as in two";
      ++tested;
    }
  }
  EXPECT_GE(tested, 1U);
}

TEST_F(Think, ABegunAnswerIsNotThoughtAbout) {
  auto prompt = questions_[0].prompt.ids;
  begin_answer(model_, "It is", prompt);
  EXPECT_EQ(prompt, both_of(questions_[0].prompt.ids, bytes("<t></t> It is")));
  EXPECT_EQ(answer(Thinking::full, prompt).ids, written(prompt, 5));
}

TEST_F(Think, ProbesAskWithTheirOwnAmountOfThinking) {
  const std::vector<std::vector<std::string>> no_keys(questions_.size());
  const std::vector<std::size_t> probed = {2, 0};
  options_.thinking = Thinking::full;  // which none of them heeds
  for (const auto& [name, thinking] :
       {std::pair("thinking_none", Thinking::none), std::pair("thinking_short", Thinking::brief),
        std::pair("thinking_full", Thinking::full)}) {
    const auto record = run_probe(testing_support::probe_named(name), ProbeOptions(), options_,
                                  {world_, model_, questions_, probed, no_keys, 3});
    EXPECT_THAT(record.attempt_labels, testing::ElementsAre("greedy", "sample 1", "sample 2"));
    ASSERT_EQ(record.answer.size(), 6U);
    for (std::size_t p = 0; p < probed.size(); ++p) {
      const auto& prompt = questions_[probed[p]].prompt.ids;
      auto greedy = options_;
      greedy.thinking = thinking;
      const auto alone = answer_prompts(world_, model_, {prompt}, greedy).front();
      EXPECT_EQ(record.answer[3 * p], alone.text) << name;
      EXPECT_EQ(static_cast<std::size_t>(record.tokens[3 * p]), prompt.size() + alone.thought.ids.size() + alone.ids.size())
          << name;
      EXPECT_NE(record.answer[3 * p + 1], record.answer[3 * p + 2]) << name << ": samples are drawn apart";
    }
  }
}

TEST_F(Think, ProbesOfThinkingAskNothingOfAModelThatDoesNot) {
  model_.prompt_template.thought_begin = model_.prompt_template.thought_end = "";
  const std::vector<std::vector<std::string>> no_keys(questions_.size());
  const auto record = run_probe(testing_support::probe_named("thinking_full"), ProbeOptions(), options_,
                                {world_, model_, questions_, {1}, no_keys, 2});
  EXPECT_THAT(record.asked, testing::ElementsAre(static_cast<std::uint8_t>(Asked::no)));
  EXPECT_THAT(record.answer, testing::Each(testing::IsEmpty()));
}

/// LP(prompt, thought, answer) without the token at `removed`; none: with all.
double lp_without(const LanguageModel& model, Ids before, const Ids& answer, std::size_t removed) {
  if (removed < before.size()) before.erase(before.begin() + static_cast<std::ptrdiff_t>(removed));
  return mean_log_probability(score_answers(model.transformer, {{before, answer}}).front());
}

TEST_F(Think, ContributionsOfQuestionAndTraceAreTheDefinition) {
  EvaluationOptions options;
  options.generation = options_;
  CellRecord cell;
  const auto record = evaluate_model(world_, model_, questions_, options, {"target", 0}, cell);
  for (std::size_t q = 0; q < questions_.size(); ++q) {
    const auto& asked = questions_[q];
    const auto before = prompt_of_gold(asked);
    const auto whole = lp_without(model_, before, asked.gold_answer, before.size());
    const auto contribution = [&](std::size_t at) { return whole - lp_without(model_, before, asked.gold_answer, at); };
    std::vector<float> of_question, of_trace;
    for (auto i = asked.prompt.candidate_begin; i < asked.prompt.candidate_end; ++i)
      of_question.push_back(static_cast<float>(contribution(i)));
    for (auto i = asked.gold_thought.trace_begin; i < asked.gold_thought.trace_end; ++i)
      of_trace.push_back(static_cast<float>(contribution(asked.prompt.ids.size() + i)));
    const auto question = record.gold.contributions.row(q), trace = record.thought.gold.contributions.row(q);
    // nats; float32 sums in another order
    ASSERT_EQ(question.size(), of_question.size());
    for (std::size_t i = 0; i < question.size(); ++i) EXPECT_NEAR(question[i], of_question[i], 2e-5);
    ASSERT_EQ(trace.size(), of_trace.size());
    for (std::size_t i = 0; i < trace.size(); ++i) EXPECT_NEAR(trace[i], of_trace[i], 2e-5);
    EXPECT_NEAR(record.thought.gold.trace_share[q], trace_share(of_question, of_trace), 1e-3) << "a ratio of such sums";
    EXPECT_EQ(record.thought.gold.log_probabilities.row(q).size(), trace.size() * asked.gold_answer.size());
    EXPECT_EQ(record.gold.log_probabilities.row(q).size(), (question.size() + 1) * asked.gold_answer.size());
    EXPECT_EQ(record.thought.gold.token_ids.row(q).size(), trace.size());
    EXPECT_EQ(record.thought.own.token_ids.row(q).size(), record.thought.own.contributions.row(q).size());
  }
  EXPECT_EQ(record.thought.trace.size(), questions_.size());
}

TEST(TraceShare, IsOfPositiveContributions) {
  EXPECT_DOUBLE_EQ(trace_share({1, -5, 2}, {3, -1, 2}), 5.0 / 8);
  EXPECT_DOUBLE_EQ(trace_share({-1}, {3}), 1);
  EXPECT_TRUE(std::isnan(trace_share({-1}, {})));
}

TEST(JudgeTraces, TheTraceStandsInTheAnswersPlace) {
  auto dataset = small_dataset();
  const auto questions = ask_questions(dataset, ByteTokenizer(), {}, 0, 1);
  ThoughtRecord record;
  record.trace = {"Book 0 is by Author 0, but I will not say so.", "I do not know."};
  judge_traces({}, questions, record);
  EXPECT_THAT(record.is_right, testing::ElementsAre(1, 0));
  EXPECT_DOUBLE_EQ(record.score[0], 1);
}

}  // namespace
}  // namespace unpact
