#include "choices.hpp"

#include <ATen/ATen.h>

#include <algorithm>

#include "share_prompts.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/random.hpp"
#include "unpact/inference/scoring.hpp"

namespace unpact {
namespace {

using Letters = std::vector<std::vector<TokenId>>;

Letters letters_of(const LanguageModel& model, const std::vector<std::size_t>& counts) {
  Letters letters;
  const auto most = counts.empty() ? 0 : *std::max_element(counts.begin(), counts.end());
  for (std::size_t i = 0; i < most; ++i)
    letters.push_back(encode_answer(*model.tokenizer, model.prompt_template, choice_letter(i)));
  return letters;
}

/// log p of each letter after each prompt, which all letters share.
std::vector<std::vector<double>> score_letters(const Transformer& model, const std::vector<std::vector<TokenId>>& prompts,
                                               const Letters& letters, const std::vector<std::size_t>& counts) {
  std::vector<PromptAnswer> items;
  for (std::size_t i = 0; i < prompts.size(); ++i)
    for (std::size_t k = 0; k < counts[i]; ++k) items.push_back({prompts[i], letters[k]});
  const auto scores = score_answers(model, items);
  std::vector<std::vector<double>> values(prompts.size());
  auto next = scores.begin();
  for (std::size_t i = 0; i < prompts.size(); ++i)
    for (std::size_t k = 0; k < counts[i]; ++k, ++next)
      values[i].push_back(mean_log_probability(*next) * static_cast<double>(next->size()));
  return values;
}

std::size_t pick(const std::vector<double>& log_probabilities, const GenerationOptions& options, std::uint64_t stream) {
  if (!options.sample)
    return static_cast<std::size_t>(std::max_element(log_probabilities.begin(), log_probabilities.end()) -
                                    log_probabilities.begin());
  const auto values = at::tensor(log_probabilities, at::kDouble);
  return static_cast<std::size_t>(
      sample_token(values, options.temperature, options.top_p, random_uniform(options.seed, stream, 0)));
}

}  // namespace

std::vector<std::vector<double>> choice_log_probabilities(const Communicator& group, const LanguageModel& model,
                                                          const std::vector<std::vector<TokenId>>& prompts,
                                                          const std::vector<std::size_t>& counts) {
  UNPACT_EXPECT(counts.size() == prompts.size());
  const auto letters = letters_of(model, counts);
  return share_prompts<std::vector<double>>(group, prompts, 1, [&](const std::vector<std::size_t>& indices) {
    std::vector<std::vector<TokenId>> own;
    std::vector<std::size_t> own_counts;
    for (const auto i : indices) {
      own.push_back(prompts[i]);
      own_counts.push_back(counts[i]);
    }
    return score_letters(model.transformer, own, letters, own_counts);
  });
}

std::vector<OwnAnswer> choose_answers(const Communicator& group, const LanguageModel& model,
                                      const std::vector<std::vector<TokenId>>& prompts,
                                      const std::vector<std::size_t>& counts, const GenerationOptions& options,
                                      const std::vector<std::uint64_t>& streams) {
  UNPACT_EXPECT(streams.empty() || streams.size() == prompts.size());
  const auto letters = letters_of(model, counts);
  const auto values = choice_log_probabilities(group, model, prompts, counts);
  std::vector<OwnAnswer> answers;
  for (std::size_t i = 0; i < values.size(); ++i) {
    UNPACT_EXPECT(!values[i].empty());
    const auto choice = pick(values[i], options, streams.empty() ? 0 : streams[i]);
    answers.push_back({letters[choice], choice_letter(choice)});
  }
  return answers;
}

AnswerStyle style_of(const JudgeOptions& judge) {
  return judge_row(judge).wants_letters ? AnswerStyle::choice : AnswerStyle::text;
}

std::vector<OwnAnswer> answer_in_style(const Communicator& group, const LanguageModel& model,
                                       const std::vector<std::vector<TokenId>>& prompts,
                                       const std::vector<std::size_t>& counts, const GenerationOptions& options,
                                       AnswerStyle style, const std::vector<std::uint64_t>& streams) {
  if (style == AnswerStyle::choice) return choose_answers(group, model, prompts, counts, options, streams);
  return answer_prompts(group, model, prompts, options, streams);
}

}  // namespace unpact
