#pragma once
/// Asking a model the questions without attributing its answers: what an unlearning is looked at by on its way.
#include <cstdint>
#include <vector>

#include "unpact/comm/communicator.hpp"
#include "unpact/evaluation/evaluation_options.hpp"
#include "unpact/evaluation/questions.hpp"
#include "unpact/model/language_model.hpp"
#include "unpact/results/cell.hpp"

namespace unpact {

/// A value a question; the numbers that a cell's whole evaluation has of the same model: /unlearned/is_right, the mean
/// log-probability of /unlearned/gold, and the metric extraction_strength.
struct LightAnswers {
  std::vector<std::uint8_t> is_right;        ///< by the judge that decides
  std::vector<double> gold_log_probability;  ///< mean over the gold answer's tokens, nats a token
  std::vector<double> extraction_strength;   ///< of the gold answer (metrics/memorization.hpp)
};

/// Greedy answers, judged, and one scoring pass over the gold answers. Collective over `group`; the same on every rank, for any
/// number of ranks. @param found what was found of the judges (thresholds). @throws RuntimeFailure where the model gives no
/// finite log-probability.
LightAnswers answer_lightly(const Communicator& group, const LanguageModel& model,
                            const std::vector<AskedQuestion>& questions, const EvaluationOptions& options,
                            const std::vector<JudgeCheckRecord>& found);

/// Counts and means of one point. @param questions splits and halves. @param target_is_right what the target knows.
/// Step, epoch and seconds are left to the caller.
TrajectoryPoint count_point(const LightAnswers& answers, const QuestionRecord& questions,
                            const std::vector<std::uint8_t>& target_is_right);

}  // namespace unpact
