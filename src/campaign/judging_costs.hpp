#pragma once
/// What judges cost that ask a model.
#include <vector>

#include "stage_costs.hpp"

namespace unpact {

/// A prompt to answer, and how many tokens the answer may have.
struct ToAnswer {
  std::vector<TokenId> prompt;
  std::size_t expected = 0, choices = 0;
  std::size_t compared = 1;  ///< answers that a judge by likelihood scores after it
  std::size_t asked = 0;     ///< tokens of the question alone
};

inline double real(std::size_t value) { return static_cast<double>(value); }

inline std::size_t tokens_of_question(const AskedQuestion& question) {
  return question.prompt.candidate_end - question.prompt.candidate_begin;
}

void add(PlannedStage& sum, const PlannedStage& more);
PlannedStage times(PlannedStage cost, double factor);

/// All judges of answers to these prompts. @param times_equal so many prompts in a row are the same. @param echoes the
/// deciding judge says of each prompt, too, whether it would be right as an answer.
PlannedStage judges_cost(const AskedModel& asked, const std::vector<ToAnswer>& prompts, std::size_t times_equal,
                         bool echoes);

/// Of a probe that looks at hidden layers: a padded pass of all blocks but the last behind each gold answer, and the head for
/// each of some layers.
PlannedStage layers_cost(const AskedModel& asked, const std::vector<const AskedQuestion*>& questions);

}  // namespace unpact
