#pragma once
/// What became of the target's knowledge.
#include <vector>

#include "unpact/evaluation/evaluation_options.hpp"
#include "unpact/evaluation/finished_pages.hpp"
#include "unpact/evaluation/probe.hpp"
#include "unpact/evaluation/questions.hpp"
#include "unpact/results/cell.hpp"

namespace unpact {

/// Outcomes, focus shift, probes and rates: all that needs both models. `record` holds questions, target and unlearned
/// already. Collective over `group`. @param table the probes that options.probe.use chooses from.
/// @param pages where attempts are kept; null: nowhere.
void compare_models(const Communicator& group, const LanguageModel& unlearned, const std::vector<AskedQuestion>& questions,
                    const EvaluationOptions& options, const std::vector<ProbeRow>& table, FinishedPages* pages,
                    CellRecord& record);

}  // namespace unpact
