#pragma once
/// Answers that are judged together.
#include <memory>
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
  std::vector<std::shared_ptr<const AskedQuestion>> changed = {};  ///< questions of which another answer is right

  /// The pages of a judge's verdicts on these answers.
  PageOptions pages_of(const std::string& judge, std::size_t chunk) const;
};

/// The question with another right answer: of its entities those that this answer names, or where it names none the answer
/// itself; without other right and wrong answers, which belong to the former.
QuestionAnswer with_gold(QuestionAnswer pair, const std::string& gold);

/// Greedy answers to the questions themselves.
AnswersToJudge own_answers_to_judge(const Communicator& group, const LanguageModel& model,
                                    const std::vector<AskedQuestion>& questions, const std::vector<std::string>& answers,
                                    const PageOptions& kept = {});

}  // namespace unpact
