#pragma once
/// A model's own greedy answers, kept on the disk while a job runs.
#include <vector>

#include "unpact/evaluation/evaluation_options.hpp"
#include "unpact/evaluation/finished_pages.hpp"
#include "unpact/evaluation/questions.hpp"

namespace unpact {

/// The model's greedy answers, those of finished pages from the disk. Collective over `group`; every rank gets all.
/// @param choices of each prompt. @param pages null: nothing is kept.
std::vector<OwnAnswer> own_answers(const Communicator& group, const LanguageModel& model,
                                   const std::vector<std::vector<TokenId>>& prompts, const std::vector<std::size_t>& choices,
                                   AnswerStyle style, const EvaluationOptions& options, FinishedPages* pages);

}  // namespace unpact
