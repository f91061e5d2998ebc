#include "record_questions.hpp"

#include <algorithm>

namespace unpact {

QuestionRecord record_questions(const std::vector<AskedQuestion>& questions, const Tokenizer& tokenizer) {
  QuestionRecord record;
  for (const auto& asked : questions) {
    record.split.push_back(static_cast<std::uint8_t>(asked.in_forget_set ? Split::forget : Split::retain));
    record.question.push_back(asked.pair.question);
    record.gold_answer.push_back(asked.pair.answer);
    record.prompt.push_back(asked.prompt.text);
    record.token_ids.add({asked.prompt.ids.begin(), asked.prompt.ids.end()});
    std::vector<std::uint8_t> candidate(asked.prompt.ids.size(), 0);
    std::fill(candidate.begin() + static_cast<std::ptrdiff_t>(asked.prompt.candidate_begin),
              candidate.begin() + static_cast<std::ptrdiff_t>(asked.prompt.candidate_end), 1);
    record.is_candidate.add(candidate);
    for (const auto id : asked.prompt.ids) record.pieces.push_back(tokenizer.piece(id));
  }
  return record;
}

ContributionRecord record_contributions(const std::vector<Attribution>& results, const std::vector<std::vector<TokenId>>& answers,
                                        const AttributionOptions& options, double noise_floor) {
  ContributionRecord record;
  const double noise = is_in_nats(options.method) ? noise_floor : 0.0;
  for (std::size_t q = 0; q < results.size(); ++q) {
    const auto& result = results[q];
    record.answer_ids.add({answers[q].begin(), answers[q].end()});
    record.log_probabilities.add(result.log_probabilities);
    record.contributions.add(result.values);
    record.standard_errors.add(result.standard_errors);
    record.is_key_token.add(find_key_tokens(result.values, options.keys));
    record.is_uncertain.add(find_uncertain_key_tokens(result.values, result.standard_errors, options.keys, noise));
    record.mean_log_probability.push_back(result.mean_log_probability);
    record.completeness_error.push_back(result.completeness_error);
    record.surrogate_r2.push_back(result.surrogate_r2);
  }
  return record;
}

}  // namespace unpact
