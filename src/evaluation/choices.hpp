#pragma once
/// Multiple choice: an answer is the letter that the model finds likeliest behind the prompt.
#include <cstdint>
#include <vector>

#include "unpact/evaluation/questions.hpp"

namespace unpact {

/// log p(letter | prompt), nats, the sum over the letter's tokens behind the template's answer_prefix (lm-evaluation-
/// harness' rule), for the first `counts[i]` letters of prompt i. Collective over `group`; the prompts are dealt over its
/// ranks, every rank gets all values.
std::vector<std::vector<double>> choice_log_probabilities(const Communicator& group, const LanguageModel& model,
                                                          const std::vector<std::vector<TokenId>>& prompts,
                                                          const std::vector<std::size_t>& counts);

/// The letter with the largest log-probability (the first of equal ones), or with options.sample one drawn from the
/// letters' probabilities, which depends on (seed, stream) alone. Collective like choice_log_probabilities.
std::vector<OwnAnswer> choose_answers(const Communicator& group, const LanguageModel& model,
                                      const std::vector<std::vector<TokenId>>& prompts,
                                      const std::vector<std::size_t>& counts, const GenerationOptions& options,
                                      const std::vector<std::uint64_t>& streams = {});

/// Letters for a judge that wants them, texts for the others.
AnswerStyle style_of(const JudgeOptions& judge);

/// answer_prompts() or choose_answers(). @param counts choices of each prompt.
std::vector<OwnAnswer> answer_in_style(const Communicator& group, const LanguageModel& model,
                                       const std::vector<std::vector<TokenId>>& prompts,
                                       const std::vector<std::size_t>& counts, const GenerationOptions& options,
                                       AnswerStyle style, const std::vector<std::uint64_t>& streams = {});

}  // namespace unpact
