#include "unpact/evaluation/questions.hpp"

#include <algorithm>

#include "unpact/comm/share_work.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/progress.hpp"

namespace unpact {
namespace {

constexpr std::size_t kAnswerChunk = 32, kAttributionChunk = 4;  // items that travel together; fixed, so that results are too

void add_questions(std::vector<AskedQuestion>& asked, const std::vector<QuestionAnswer>& pairs, const std::vector<QuestionAnswer>& shown,
                   bool in_forget_set, const Tokenizer& tokenizer, const PromptTemplate& prompt_template, std::size_t limit) {
  auto examples = std::make_shared<std::vector<InContextExample>>();
  for (const auto& pair : shown) examples->emplace_back(pair.question, pair.answer);
  const auto count = limit == 0 ? pairs.size() : std::min(limit, pairs.size());
  for (std::size_t i = 0; i < count; ++i) {
    try {
      const auto text = question_text(pairs[i].question, pairs[i].choices);
      asked.push_back({pairs[i], in_forget_set, build_prompt(tokenizer, prompt_template, text, *examples, pairs[i].introduction),
                       encode_answer(tokenizer, prompt_template, pairs[i].answer), examples});
    } catch (const UserError& error) {
      throw UserError(concat(in_forget_set ? "forget" : "retain", " question ", i, ": ", error.problem()), error.reason(), error.hint());
    }
  }
}

std::vector<QuestionAnswer> first_examples(const std::vector<QuestionAnswer>& examples, std::size_t count, const char* set) {
  UNPACT_VALIDATE(count <= examples.size(), concat("option 'prompt.examples' asks for ", count, " in-context examples"),
                  concat("the dataset has ", examples.size(), " for its ", set, " questions"), "lower it or set it to 0");
  return {examples.begin(), examples.begin() + static_cast<std::ptrdiff_t>(count)};
}

/// How many of `count` items share_work gives this rank.
std::int64_t own_share(const Communicator& group, std::size_t count, std::size_t chunk) {
  const auto rank = static_cast<std::size_t>(group.rank()), ranks = static_cast<std::size_t>(group.size());
  std::size_t share = 0;
  for (std::size_t first = rank * chunk; first < count; first += ranks * chunk) share += std::min(chunk, count - first);
  return static_cast<std::int64_t>(share);
}

std::string encode(const AttributionResult& result) {
  const auto& w = result.work;
  return to_bytes(std::vector<std::uint64_t>{result.candidates, result.answer_tokens, w.positions, w.positions_naive, w.model_calls, w.logit_rows}) +
         to_bytes(result.log_probabilities);
}

AttributionResult decode(const std::string& bytes) {
  constexpr std::size_t header = 6 * sizeof(std::uint64_t);
  const auto numbers = from_bytes<std::uint64_t>(bytes.substr(0, header));
  return {numbers[0], numbers[1], from_bytes<float>(bytes.substr(header)), {numbers[2], numbers[3], numbers[4], numbers[5]}};
}

}  // namespace

std::vector<AskedQuestion> ask_questions(const Dataset& dataset, const Tokenizer& tokenizer, const PromptTemplate& prompt_template,
                                         std::size_t examples_shown, std::size_t limit) {
  std::vector<AskedQuestion> asked;
  add_questions(asked, dataset.forget_questions, first_examples(dataset.forget_examples, examples_shown, "forget"), true, tokenizer,
                prompt_template, limit);
  add_questions(asked, dataset.retain_questions, first_examples(dataset.retain_examples, examples_shown, "retain"), false, tokenizer,
                prompt_template, limit);
  return asked;
}

std::vector<OwnAnswer> answer_prompts(const Communicator& group, const LanguageModel& model, const std::vector<std::vector<TokenId>>& prompts,
                                      const GenerationOptions& options, const std::vector<std::uint64_t>& streams) {
  UNPACT_EXPECT(streams.empty() || streams.size() == prompts.size());
  const auto encoded = share_work(group, prompts.size(), kAnswerChunk, [&](std::size_t first, std::size_t last) {
    std::vector<GenerationRequest> requests;
    for (auto i = first; i < last; ++i) requests.push_back({prompts[i], streams.empty() ? 0 : streams[i]});
    std::vector<std::string> results;
    for (const auto& ids : generate(model.transformer, requests, options)) results.push_back(to_bytes(ids));
    return results;
  });
  std::vector<OwnAnswer> answers;
  for (const auto& bytes : encoded) {
    const auto ids = from_bytes<TokenId>(bytes);
    answers.push_back({ids, model.text_of(ids)});
  }
  return answers;
}

std::vector<AttributionResult> attribute_answers(const Communicator& group, const Transformer& model, const LeaveOneOutEngine& engine,
                                                 const std::vector<AskedQuestion>& questions,
                                                 const std::vector<std::vector<TokenId>>& answers, const std::string& label) {
  UNPACT_EXPECT(answers.size() == questions.size());
  Progress progress(label, own_share(group, questions.size(), kAttributionChunk), "prompts");
  const auto encoded = share_work(group, questions.size(), kAttributionChunk, [&](std::size_t first, std::size_t last) {
    std::vector<std::string> results;
    for (auto i = first; i < last; ++i) {
      const auto& prompt = questions[i].prompt;
      AttributionResult result;
      if (!answers[i].empty())
        result = engine.run(model, {prompt.ids, prompt.candidate_begin, prompt.candidate_end, answers[i]});
      results.push_back(encode(result));
    }
    progress.advance(static_cast<std::int64_t>(last - first));
    return results;
  });
  std::vector<AttributionResult> results;
  for (const auto& bytes : encoded) results.push_back(decode(bytes));
  return results;
}

}  // namespace unpact
