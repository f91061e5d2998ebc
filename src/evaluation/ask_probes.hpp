#pragma once
/// Every chosen probe on some questions of one model, judged.
#include <string>
#include <vector>

#include "judge_all.hpp"
#include "unpact/evaluation/evaluation_options.hpp"
#include "unpact/evaluation/finished_pages.hpp"
#include "unpact/evaluation/probe.hpp"
#include "unpact/results/cell.hpp"

namespace unpact {

/// Who is probed, and about what.
struct ProbedModel {
  const Communicator& group;
  const LanguageModel& model;
  const std::vector<AskedQuestion>& questions;
  const std::vector<std::size_t>& probed;  ///< indices of the questions
  const NamedWords& words;                 ///< of every question
  std::string stage = "probe_";            ///< its stages in /work and its pages begin with this, the probe's name follows
  bool controls = true;                    ///< those among the probes are asked, too, and those that train
};

/// Attempts with verdicts and injection. Appends a stage a probe to `work`. Collective over the group; the same on every
/// rank, for any number of ranks.
std::vector<ProbeRecord> ask_probes(const ProbedModel& probed, const JudgePanel& judges, const EvaluationOptions& options,
                                    const std::vector<ProbeRow>& table, FinishedPages* pages, std::vector<WorkRecord>& work);

/// What another model makes of the same questions: its greedy answers, and the probes on all that the target knows. Appends
/// to the cell's `work`. Collective. @param name target or floor. @param model what it is, for people.
ArmRecord ask_arm(const Communicator& group, const LanguageModel& answering, const std::string& name,
                  const std::string& model, const std::vector<AskedQuestion>& questions, const EvaluationOptions& options,
                  const std::vector<ProbeRow>& table, FinishedPages* pages, CellRecord& cell);

/// The words that probes of an unlearned model name (probe.keys_of).
NamedWords words_of_cell(const std::vector<AskedQuestion>& questions, const EvaluationOptions& options,
                         const CellRecord& cell);

/// Arm `unlearned`: what the unlearned model makes of the retain questions that the target knows, under the same phrasings;
/// controls are left out. Otherwise as ask_arm().
ArmRecord ask_retain(const Communicator& group, const LanguageModel& unlearned, const std::vector<AskedQuestion>& questions,
                     const EvaluationOptions& options, const std::vector<ProbeRow>& table, FinishedPages* pages,
                     CellRecord& cell);

}  // namespace unpact
