#include "unpact/evaluation/evaluate_cell.hpp"

#include "ask_probes.hpp"
#include "compare_models.hpp"
#include "evaluate_model.hpp"
#include "record_questions.hpp"
#include "unpact/evaluation/check_questions.hpp"
#include "judge_all.hpp"
#include "unpact/evaluation/attribute_questions.hpp"
#include "unpact/evaluation/stage_meter.hpp"
#include "verify.hpp"

namespace unpact {
namespace {

/// Readers of version 1.1 find the table `verification` as text.
void say_verification(CellRecord& record, const std::vector<AskedQuestion>& questions) {
  for (const auto& found : record.verification)
    record.attribution_settings["verified_" + found.model] = describe_verification(found, questions);
}

/// Judges beside answers that are known, and the options with the thresholds that were found on them.
EvaluationOptions check_judges(const Communicator& group, const LanguageModel& target,
                               const std::vector<AskedQuestion>& questions, EvaluationOptions options, FinishedPages* pages,
                               CellRecord& record) {
  const JudgePanel panel(options.judge);
  const StageMeter meter(group, target.transformer.device());
  record.judge_check =
      panel.check(group, target, questions, pages, static_cast<std::size_t>(options.attribution.save_every));
  if (panel.asks_model()) record.work.push_back(meter.record("judge_check"));
  options.judge = calibrated(options.judge, record.judge_check);
  return options;
}

EvaluationOptions with_found_thresholds(EvaluationOptions options, const CellRecord& record) {
  options.judge = calibrated(options.judge, record.judge_check);
  return options;
}

}  // namespace

void evaluate_target(const Communicator& group, const LanguageModel& target, const std::vector<AskedQuestion>& questions,
                     const EvaluationOptions& given, FinishedPages* pages, CellRecord& record,
                     const std::vector<ProbeRow>& probes) {
  check_questions(given.judge, target.transformer.config(), questions);
  const auto options = check_judges(group, target, questions, given, pages, record);
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
  if (options.probe.arms)
    record.arms.push_back(ask_arm(group, target, kCeilingArm, "the target", questions, options, probes, pages, record));
  compare_models(group, target, questions, options, probes, pages, record);
}

void evaluate_floor(const Communicator& group, const LanguageModel& model, const std::string& name,
                    const std::vector<AskedQuestion>& questions, const EvaluationOptions& given, FinishedPages* pages,
                    CellRecord& record, const std::vector<ProbeRow>& probes) {
  const auto options = with_found_thresholds(given, record);
  record.arms.push_back(ask_arm(group, model, kFloorArm, name, questions, options, probes, pages, record));
}

void evaluate_unlearned(const Communicator& group, const LanguageModel& unlearned,
                        const std::vector<AskedQuestion>& questions, const EvaluationOptions& given, FinishedPages* pages,
                        CellRecord& record, const std::vector<ProbeRow>& probes) {
  const auto options = with_found_thresholds(given, record);
  check_questions(options.judge, unlearned.transformer.config(), questions);
  record.unlearned = evaluate_model(group, unlearned, questions, options, {"unlearned", record.noise_floor, pages}, record);
  say_verification(record, questions);
  if (options.probe.arms) record.arms.push_back(ask_retain(group, unlearned, questions, options, probes, pages, record));
  compare_models(group, unlearned, questions, options, probes, pages, record);
}

}  // namespace unpact
