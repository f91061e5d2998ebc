#include "ask_probes.hpp"

#include "choices.hpp"
#include "curves.hpp"
#include "focus_shift.hpp"
#include "injection.hpp"
#include "knowledge.hpp"
#include "own_answers.hpp"
#include "unpact/core/text.hpp"
#include "unpact/evaluation/stage_meter.hpp"

namespace unpact {
namespace {

/// Greedy answers to the plain questions, judged. An arm that was asked already brings them.
std::vector<std::uint8_t> right_of(const Communicator& group, const LanguageModel& model, const std::string& name,
                                   const std::vector<AskedQuestion>& questions, const EvaluationOptions& options,
                                   FinishedPages* pages, CellRecord& cell) {
  const StageMeter meter(group, model.transformer.device());
  PromptsToAnswer asked;
  for (const auto& question : questions) {
    asked.prompts.push_back(question.prompt.ids);
    asked.choices.push_back(question.pair.choices.size());
  }
  const PageOptions kept{pages, name + "_answers", static_cast<std::size_t>(options.attribution.save_every)};
  std::vector<std::string> answers;
  for (auto& answer : answers_in_pages(group, model, asked, options.generation, style_of(options.judge), kept))
    answers.push_back(std::move(answer.text));
  ModelRecord record;
  CellRecord others;  // what further judges say of it is not kept
  JudgePanel(options.judge).judge_model(own_answers_to_judge(group, model, questions, answers, kept), false, record, others);
  cell.work.push_back(meter.record(name + "_answers"));
  return record.is_right;
}

ArmRecord::Probed states_of(const ProbeRecord& probe, std::size_t questions) {
  ArmRecord::Probed probed{probe.name, std::vector<std::uint8_t>(questions, 0)};
  const auto right = recovered_by(probe, questions), asked = asked_by(probe, questions);
  for (std::size_t q = 0; q < questions; ++q) {
    const auto state = asked[q] == 0   ? ArmRecord::State::not_asked
                       : right[q] != 0 ? ArmRecord::State::right
                                       : ArmRecord::State::wrong;
    probed.state[q] = static_cast<std::uint8_t>(state);
  }
  return probed;
}

}  // namespace

NamedWords words_of_cell(const std::vector<AskedQuestion>& questions, const EvaluationOptions& options,
                         const CellRecord& cell) {
  const auto& keys_of = options.probe.keys_of == KeysOf::target ? cell.target : cell.unlearned;
  return words_to_name(questions, focused(keys_of, options.attribution.focus_of), options.attribution.keys.alpha);
}

std::vector<ProbeRecord> ask_probes(const ProbedModel& probed, const JudgePanel& judges, const EvaluationOptions& options,
                                    const std::vector<ProbeRow>& table, FinishedPages* pages,
                                    std::vector<WorkRecord>& work) {
  ProbeTask task{probed.group,       probed.model,           probed.questions,       probed.probed,
                 probed.words.words, options.probe.budget(), style_of(options.judge)};
  task.seed = options.seed;
  task.named_by = probed.words.named_by;
  task.stage = probed.stage;
  std::vector<ProbeRecord> probes;
  for (const auto& row : rows_to_run(options.probe, probed.questions, table)) {
    if ((row.kind == ProbeKind::control || row.trains) && !probed.controls) continue;
    const StageMeter meter(probed.group, probed.model.transformer.device());
    const auto stage = probed.stage + row.name;
    task.pages = pages_of_probe(pages, stage, static_cast<std::size_t>(options.attribution.save_every), task.budget);
    auto& probe = probes.emplace_back(run_probe(row, options.probe, options.generation, task));
    const PageOptions kept{pages, stage, static_cast<std::size_t>(options.attribution.save_every) * task.budget};
    judges.judge_probe(probed.group, probed.model, probed.questions, kept, probe);
    probe.injection = measure_injection(probed.questions, probe, task.style,
                                        judges.echoes(probed.group, probed.model, probed.questions, kept, probe));
    work.push_back(meter.record(stage));
  }
  return probes;
}

ArmRecord ask_arm(const Communicator& group, const LanguageModel& answering, const std::string& name,
                  const std::string& model, const std::vector<AskedQuestion>& questions, const EvaluationOptions& options,
                  const std::vector<ProbeRow>& table, FinishedPages* pages, CellRecord& cell) {
  ArmRecord arm{name, model, {}, {}};
  const bool is_target = name == kCeilingArm;
  arm.is_right = is_target ? cell.target.is_right : right_of(group, answering, name, questions, options, pages, cell);
  std::vector<std::size_t> known;
  for (std::size_t q = 0; q < questions.size(); ++q)
    if (cell.target.is_right[q] != 0) known.push_back(q);
  const auto words =
      words_to_name(questions, focused(cell.target, options.attribution.focus_of), options.attribution.keys.alpha);
  const JudgePanel judges(options.judge);
  const ProbedModel probed{group, answering, questions, known, words, is_target ? "ceiling_" : "floor_"};
  for (const auto& probe : ask_probes(probed, judges, options, table, pages, cell.work)) {
    arm.probes.push_back(states_of(probe, questions.size()));
    add_curve(name, probe, questions, cell.curves);
  }
  return arm;
}

ArmRecord ask_retain(const Communicator& group, const LanguageModel& unlearned, const std::vector<AskedQuestion>& questions,
                     const EvaluationOptions& options, const std::vector<ProbeRow>& table, FinishedPages* pages,
                     CellRecord& cell) {
  ArmRecord arm{kUnlearnedArm, "the unlearned model", cell.unlearned.is_right, {}};
  std::vector<std::size_t> known;
  for (std::size_t q = 0; q < questions.size(); ++q)
    if (cell.target.is_right[q] != 0 && !questions[q].in_forget_set) known.push_back(q);
  const auto words = words_of_cell(questions, options, cell);
  const JudgePanel judges(options.judge);
  const ProbedModel probed{group, unlearned, questions, known, words, "retain_", /*controls=*/false};
  for (const auto& probe : ask_probes(probed, judges, options, table, pages, cell.work))
    arm.probes.push_back(states_of(probe, questions.size()));
  return arm;
}

}  // namespace unpact
