#pragma once
/// One model's part of a cell.
#include <string>
#include <vector>

#include "unpact/evaluation/evaluation_options.hpp"
#include "unpact/evaluation/finished_pages.hpp"
#include "unpact/evaluation/questions.hpp"
#include "unpact/results/cell.hpp"

namespace unpact {

/// One model of a cell, as it is evaluated.
struct EvaluatedModel {
  std::string label;               ///< "target" or "unlearned", for progress and /work
  double noise_floor = 0;          ///< nats per answer token
  FinishedPages* pages = nullptr;  ///< what was finished before; null: nothing is kept
};

/// One model's greedy answers, their scores, and the contributions to gold and own answers. Appends to the cell's `work`
/// and, where some were checked, to its `verification`. Collective over `group`; the same result on every rank.
ModelRecord evaluate_model(const Communicator& group, const LanguageModel& model,
                           const std::vector<AskedQuestion>& questions, const EvaluationOptions& options,
                           const EvaluatedModel& evaluated, CellRecord& cell);

}  // namespace unpact
