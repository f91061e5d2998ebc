#include "end_of_answer.hpp"

#include "unpact/attribution/leave_one_out.hpp"
#include "unpact/core/error.hpp"

namespace unpact {

std::optional<TokenId> end_of_answers(const LanguageModel& model) {
  const auto end = model.tokenizer->eos_id();
  return end && *end < model.transformer.config().vocabulary_size ? end : std::nullopt;
}

Answers with_end(const LanguageModel& model, const std::vector<AskedQuestion>& questions, Answers answers) {
  UNPACT_EXPECT(answers.size() == questions.size());
  const auto end = end_of_answers(model);
  const auto room = static_cast<std::size_t>(model.transformer.config().max_positions);
  for (std::size_t q = 0; end && q < answers.size(); ++q)
    if (!answers[q].empty() && questions[q].prompt.ids.size() + answers[q].size() < room) answers[q].push_back(*end);
  return answers;
}

std::vector<float> take_end(Attribution& result, std::size_t answer_tokens) {
  const auto columns = answer_tokens + 1, rows = result.values.size() + 1;
  if (answer_tokens == 0 || result.log_probabilities.size() != rows * columns) return {};
  auto kept = of_first_targets(result.log_probabilities, rows - 1, answer_tokens);
  kept.work = result.work;
  std::vector<float> ends;
  for (std::size_t r = 0; r < rows; ++r) ends.push_back(result.log_probabilities[r * columns + answer_tokens]);
  result = attribution_of(std::move(kept));
  return ends;
}

}  // namespace unpact
