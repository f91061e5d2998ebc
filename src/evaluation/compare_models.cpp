#include "compare_models.hpp"

#include "ask_probes.hpp"
#include "curves.hpp"
#include "focus_shift.hpp"
#include "knowledge.hpp"
#include "outcome.hpp"
#include "unpact/evaluation/cell_rates.hpp"

namespace unpact {
namespace {

std::vector<Outcome> classify_questions(const CellRecord& record, const std::vector<AskedQuestion>& questions) {
  std::vector<Outcome> outcomes;
  for (std::size_t q = 0; q < questions.size(); ++q)
    outcomes.push_back(classify(questions[q].in_forget_set, record.target.is_right[q], record.unlearned.is_right[q]));
  return outcomes;
}

}  // namespace

void compare_models(const Communicator& group, const LanguageModel& unlearned, const std::vector<AskedQuestion>& questions,
                    const EvaluationOptions& options, const std::vector<ProbeRow>& table, FinishedPages* pages,
                    CellRecord& record) {
  const auto outcomes = classify_questions(record, questions);
  std::vector<std::size_t> forgotten;
  for (std::size_t q = 0; q < questions.size(); ++q) {
    record.outcome.push_back(static_cast<std::uint8_t>(outcomes[q]));
    if (outcomes[q] == Outcome::forgotten) forgotten.push_back(q);
  }
  const auto focus_of = options.attribution.focus_of;
  record.focus_shift = focus_shift(focused(record.target, focus_of), focused(record.unlearned, focus_of));
  const JudgePanel judges(options.judge);
  const auto words = words_of_cell(questions, options, record);
  record.probes = ask_probes({group, unlearned, questions, forgotten, words}, judges, options, table, pages, record.work);
  for (const auto& probe : record.probes) add_curve(kUnlearnedArm, probe, questions, record.curves);
  record.knowledge = knowledge_of(outcomes, record.questions.split, record.probes);
  record.rates = cell_rates(record);
  record.judge = judges.deciding().describe();
}

}  // namespace unpact
