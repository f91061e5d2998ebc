#include "unpact/evaluation/questions.hpp"

#include <algorithm>

#include "choices.hpp"
#include "share_prompts.hpp"
#include "think.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

void add_questions(std::vector<AskedQuestion>& asked, const std::vector<QuestionAnswer>& pairs,
                   const std::vector<QuestionAnswer>& shown, bool in_forget_set, const Tokenizer& tokenizer,
                   const PromptTemplate& prompt_template, std::size_t limit) {
  auto examples = std::make_shared<std::vector<InContextExample>>();
  for (const auto& pair : shown) examples->emplace_back(pair.question, pair.answer);
  const auto count = limit == 0 ? pairs.size() : std::min(limit, pairs.size());
  for (std::size_t i = 0; i < count; ++i) {
    try {
      const auto text = question_text(pairs[i].question, pairs[i].choices);
      asked.push_back({pairs[i], in_forget_set,
                       build_prompt(tokenizer, prompt_template, text, *examples, pairs[i].introduction),
                       encode_answer(tokenizer, prompt_template, pairs[i].answer), examples});
      asked.back().gold_thought = encode_thought(tokenizer, prompt_template, pairs[i].trace);
    } catch (const UserError& error) {
      throw UserError(concat(in_forget_set ? "forget" : "retain", " question ", i, ": ", error.problem()), error.reason(),
                      error.hint());
    }
  }
}

std::vector<QuestionAnswer> first_examples(const std::vector<QuestionAnswer>& examples, std::size_t count, const char* set) {
  UNPACT_VALIDATE(count <= examples.size(), concat("option 'prompt.examples' asks for ", count, " in-context examples"),
                  concat("the dataset has ", examples.size(), " for its ", set, " questions"), "lower it or set it to 0");
  return {examples.begin(), examples.begin() + static_cast<std::ptrdiff_t>(count)};
}

}  // namespace

std::vector<AskedQuestion> ask_questions(const Dataset& dataset, const Tokenizer& tokenizer,
                                         const PromptTemplate& prompt_template, std::size_t examples_shown,
                                         std::size_t limit) {
  std::vector<AskedQuestion> asked;
  add_questions(asked, dataset.forget_questions, first_examples(dataset.forget_examples, examples_shown, "forget"), true,
                tokenizer, prompt_template, limit);
  add_questions(asked, dataset.retain_questions, first_examples(dataset.retain_examples, examples_shown, "retain"), false,
                tokenizer, prompt_template, limit);
  return asked;
}

std::vector<OwnAnswer> answer_prompts(const Communicator& group, const LanguageModel& model,
                                      const std::vector<std::vector<TokenId>>& prompts, const GenerationOptions& options,
                                      const std::vector<std::uint64_t>& streams) {
  UNPACT_EXPECT(streams.empty() || streams.size() == prompts.size());
  const auto new_tokens = most_new_tokens(model.prompt_template, options);
  const auto requests_of = [&](const std::vector<std::size_t>& indices) {
    std::vector<GenerationRequest> requests;
    for (const auto i : indices) requests.push_back({prompts[i], streams.empty() ? 0 : streams[i]});
    return requests;
  };
  if (thinks(model.prompt_template))
    return share_prompts<OwnAnswer>(group, prompts, new_tokens, [&](const std::vector<std::size_t>& indices) {
      return think_and_answer(model, requests_of(indices), options);
    });
  auto answered = share_prompts<std::vector<TokenId>>(
      group, prompts, new_tokens,
      [&](const std::vector<std::size_t>& indices) { return generate(model.transformer, requests_of(indices), options); });
  std::vector<OwnAnswer> answers;
  for (auto& ids : answered) {
    auto text = model.text_of(ids);
    answers.push_back({std::move(ids), std::move(text), {}, {}, 0});
  }
  return answers;
}

std::string name_of_question(const std::vector<AskedQuestion>& questions, std::size_t index) {
  const bool forget = questions[index].in_forget_set;
  const auto number = std::count_if(questions.begin(), questions.begin() + static_cast<std::ptrdiff_t>(index),
                                    [&](const auto& asked) { return asked.in_forget_set == forget; });
  return concat(forget ? "forget" : "retain", " question ", number);
}

void check_gold_answers(const ModelConfig& config, const std::vector<AskedQuestion>& questions) {
  for (std::size_t q = 0; q < questions.size(); ++q) {
    for (const auto id : questions[q].gold_answer) {
      const bool ends = std::find(config.eos_ids.begin(), config.eos_ids.end(), id) != config.eos_ids.end();
      UNPACT_VALIDATE(
          !ends && id != config.bos_id,
          concat(name_of_question(questions, q), ": its gold answer holds the ", ends ? "end" : "BOS", " token ", id),
          "no answer of the model contains it", "take the special token out of the dataset's answer");
    }
  }
}

}  // namespace unpact
