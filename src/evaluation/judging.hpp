#pragma once
/// Answers that are judged together.
#include <string>
#include <vector>

#include "unpact/evaluation/finished_pages.hpp"
#include "unpact/evaluation/questions.hpp"

namespace unpact {

/// Answers of a model, each to a question as it was put.
struct AnswersToJudge {
  const Communicator& group;
  const LanguageModel& model;  ///< whose answers they are
  std::vector<const AskedQuestion*> questions;
  std::vector<std::string> answers;
  std::vector<std::vector<TokenId>> prompts;  ///< what each was an answer to; empty where nothing was asked, which is wrong
  PageOptions kept = {};  ///< where the answers are kept while a job runs: verdicts of models are kept beside them

  /// The pages of a judge's verdicts on these answers.
  PageOptions pages_of(const std::string& judge, std::size_t chunk) const;
};

/// Greedy answers to the questions themselves.
AnswersToJudge own_answers_to_judge(const Communicator& group, const LanguageModel& model,
                                    const std::vector<AskedQuestion>& questions, const std::vector<std::string>& answers,
                                    const PageOptions& kept = {});

}  // namespace unpact
