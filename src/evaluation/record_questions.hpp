#pragma once
/// Questions, answers and attributions as records.
#include <vector>

#include "unpact/evaluation/evaluation_options.hpp"
#include "unpact/evaluation/questions.hpp"
#include "unpact/results/contribution.hpp"
#include "unpact/results/question.hpp"

namespace unpact {

/// The questions as the file shows them.
QuestionRecord record_questions(const std::vector<AskedQuestion>& questions, const Tokenizer& tokenizer);

/// Contributions to one answer of each question, with their KeyTokens. @param noise_floor nats per answer token.
ContributionRecord record_contributions(const std::vector<Attribution>& results, const std::vector<std::vector<TokenId>>& answers,
                                        const AttributionOptions& options, double noise_floor);

}  // namespace unpact
