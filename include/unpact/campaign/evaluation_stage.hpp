#pragma once
/// From models and questions to the parts of a record: answers, contributions, outcomes, probes, rates.
#include <vector>

#include "unpact/options/configuration.hpp"
#include "unpact/evaluation/finished_pages.hpp"
#include "unpact/evaluation/questions.hpp"
#include "unpact/results/cell.hpp"

namespace unpact {

/// The questions as the file shows them.
QuestionRecord record_questions(const std::vector<AskedQuestion>& questions, const Tokenizer& tokenizer);

/// One model of a cell, as it is evaluated.
struct EvaluatedModel {
  std::string label;               ///< "target" or "unlearned", for progress and /work
  double noise_floor = 0;          ///< nats per answer token
  FinishedPages* pages = nullptr;  ///< what was finished before; null: nothing is kept
};

/// One model's greedy answers, their scores, and the contributions to gold and own answers. Appends to the cell's `work`
/// and, where some were checked, to its `verification`. Collective over `group`; the same result on every rank.
ModelRecord evaluate_model(const Communicator& group, const LanguageModel& model, const std::vector<AskedQuestion>& questions,
                           const Configuration& configuration, const EvaluatedModel& evaluated, CellRecord& cell);

/// Outcomes, focus shift, probes and rates: all that needs both models. `record` holds questions, target and unlearned
/// already. Collective over `group`.
void compare_models(const Communicator& group, const LanguageModel& unlearned, const std::vector<AskedQuestion>& questions,
                    const Configuration& configuration, CellRecord& record);

}  // namespace unpact
