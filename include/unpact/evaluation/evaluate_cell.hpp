#pragma once
/// From models and questions to the parts of a cell's record: answers, contributions, outcomes, probes, rates.
#include <vector>

#include "unpact/evaluation/evaluation_options.hpp"
#include "unpact/evaluation/finished_pages.hpp"
#include "unpact/evaluation/probe.hpp"
#include "unpact/evaluation/questions.hpp"
#include "unpact/results/cell.hpp"

namespace unpact {

/// Fills a record with the questions, the noise floor and what the target says. `unlearned` is a copy of `target`, since
/// nothing was unlearned: the record says what a perfect copy looks like. Collective over `group`; the same record on every
/// rank. @param pages what was finished before; null: nothing is kept. @param probes that options.probe.use chooses from.
/// @throws UserError as check_questions(), before anything is asked.
void evaluate_target(const Communicator& group, const LanguageModel& target, const std::vector<AskedQuestion>& questions,
                     const EvaluationOptions& options, FinishedPages* pages, CellRecord& record,
                     const std::vector<ProbeRow>& probes = probe_table());

/// Adds what a model that was never taught the forget set makes of the probes, as arm `floor` of a record whose target is
/// there. Collective over `group`. @param name which model it is, for people.
void evaluate_floor(const Communicator& group, const LanguageModel& model, const std::string& name,
                    const std::vector<AskedQuestion>& questions, const EvaluationOptions& options, FinishedPages* pages,
                    CellRecord& record, const std::vector<ProbeRow>& probes = probe_table());

/// Fills the rest of a record whose questions, noise floor and target are there. Otherwise as evaluate_target().
void evaluate_unlearned(const Communicator& group, const LanguageModel& unlearned,
                        const std::vector<AskedQuestion>& questions, const EvaluationOptions& options, FinishedPages* pages,
                        CellRecord& record, const std::vector<ProbeRow>& probes = probe_table());

}  // namespace unpact
