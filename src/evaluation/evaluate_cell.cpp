#include "unpact/evaluation/evaluate_cell.hpp"

#include "ask_probes.hpp"
#include "compare_models.hpp"
#include "evaluate_model.hpp"
#include "record_questions.hpp"
#include "unpact/evaluation/check_questions.hpp"
#include "unpact/evaluation/attribute_questions.hpp"
#include "verify.hpp"

namespace unpact {
namespace {

/// Readers of version 1.1 find the table `verification` as text.
void say_verification(CellRecord& record, const std::vector<AskedQuestion>& questions) {
  for (const auto& found : record.verification)
    record.attribution_settings["verified_" + found.model] = describe_verification(found, questions);
}

}  // namespace

void evaluate_target(const Communicator& group, const LanguageModel& target, const std::vector<AskedQuestion>& questions,
                     const EvaluationOptions& options, FinishedPages* pages, CellRecord& record,
                     const std::vector<ProbeRow>& probes) {
  check_questions(options.judge, target.transformer.config(), questions);
  record.questions = record_questions(questions, *target.tokenizer);
  const auto method =
      make_attribution_method(options.attribution.method, options.attribution.settings, options.seed, *target.tokenizer);
  record.noise_floor = noise_floor_of(target.transformer, *method, questions);
  record.target = evaluate_model(group, target, questions, options, {"target", record.noise_floor, pages}, record);
  say_verification(record, questions);
  record.unlearned = record.target;
  for (auto& judge : record.judges) {
    judge.unlearned_score = judge.target_score;
    judge.unlearned_is_right = judge.target_is_right;
  }
  record.judge_check = JudgePanel(options.judge).check(questions);
  if (options.probe.arms)
    record.arms.push_back(ask_arm(group, target, kCeilingArm, "the target", questions, options, probes, pages, record));
  compare_models(group, target, questions, options, probes, pages, record);
}

void evaluate_floor(const Communicator& group, const LanguageModel& model, const std::string& name,
                    const std::vector<AskedQuestion>& questions, const EvaluationOptions& options, FinishedPages* pages,
                    CellRecord& record, const std::vector<ProbeRow>& probes) {
  record.arms.push_back(ask_arm(group, model, kFloorArm, name, questions, options, probes, pages, record));
}

void evaluate_unlearned(const Communicator& group, const LanguageModel& unlearned,
                        const std::vector<AskedQuestion>& questions, const EvaluationOptions& options, FinishedPages* pages,
                        CellRecord& record, const std::vector<ProbeRow>& probes) {
  check_questions(options.judge, unlearned.transformer.config(), questions);
  record.unlearned = evaluate_model(group, unlearned, questions, options, {"unlearned", record.noise_floor, pages}, record);
  say_verification(record, questions);
  compare_models(group, unlearned, questions, options, probes, pages, record);
}

}  // namespace unpact
