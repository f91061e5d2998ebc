#include "unpact/evaluation/light_evaluation.hpp"

#include <string>
#include <utility>

#include "choices.hpp"
#include "judge_all.hpp"
#include "judging.hpp"
#include "metrics/sequence_scores.hpp"
#include "own_answers.hpp"
#include "think.hpp"
#include "unpact/core/error.hpp"
#include "unpact/evaluation/judge.hpp"
#include "unpact/evaluation/measure_metrics.hpp"

namespace unpact {
namespace {

std::vector<std::uint8_t> judged_answers(const Communicator& group, const LanguageModel& model,
                                         const std::vector<AskedQuestion>& questions, const EvaluationOptions& options) {
  PromptsToAnswer asked;
  for (const auto& question : questions) {
    asked.prompts.push_back(question.prompt.ids);
    asked.choices.push_back(question.pair.choices.size());
  }
  std::vector<std::string> answers;
  for (auto& answer : answers_in_pages(group, model, asked, options.generation, style_of(options.judge), {}))
    answers.push_back(std::move(answer.text));
  const auto judge = make_judge(options.judge);
  std::vector<std::uint8_t> is_right;
  for (const auto score : judge->scores(own_answers_to_judge(group, model, questions, answers)))
    is_right.push_back(judge->passes(score));
  return is_right;
}

}  // namespace

LightAnswers answer_lightly(const Communicator& group, const LanguageModel& model,
                            const std::vector<AskedQuestion>& questions, const EvaluationOptions& given,
                            const std::vector<JudgeCheckRecord>& found) {
  auto options = given;
  options.judge = calibrated(options.judge, found);
  LightAnswers light;
  light.is_right = judged_answers(group, model, questions, options);
  ScoredPart gold{"gold", {}, kSequencesTogether};
  for (const auto& question : questions) gold.items.push_back({prompt_of_gold(question), question.gold_answer});
  for (const auto& scores : score_part(group, model, gold, options.metric.min_k, nullptr,
                                       static_cast<std::size_t>(options.attribution.save_every))) {
    light.gold_log_probability.push_back(-scores.loss);
    light.extraction_strength.push_back(scores.extraction);
  }
  return light;
}

TrajectoryPoint count_point(const LightAnswers& answers, const QuestionRecord& questions,
                            const std::vector<std::uint8_t>& target_is_right) {
  const auto count = questions.split.size();
  UNPACT_EXPECT(answers.is_right.size() == count && target_is_right.size() == count);
  TrajectoryPoint point;
  double strength = 0, forget_log_probability = 0, retain_log_probability = 0;
  std::uint64_t retain_asked = 0;
  for (std::size_t q = 0; q < count; ++q) {
    const bool is_right = answers.is_right[q] != 0, was_known = target_is_right[q] != 0;
    if (questions.split[q] == static_cast<std::uint8_t>(Split::forget)) {
      point.forget_right += is_right;
      ++point.forget_asked;
      point.forget_known += was_known;
      point.forgotten += was_known && !is_right;
      strength += answers.extraction_strength[q];
      forget_log_probability += answers.gold_log_probability[q];
      continue;
    }
    ++retain_asked;
    retain_log_probability += answers.gold_log_probability[q];
    const auto half = questions.half.empty() ? Half::whole : static_cast<Half>(questions.half[q]);
    if (half == Half::trained) {
      point.retain_trained_right += is_right;
      ++point.retain_trained_asked;
    } else if (half == Half::held_out) {
      point.retain_held_out_right += is_right;
      ++point.retain_held_out_asked;
      point.held_out_known += was_known;
      point.destroyed_held_out += was_known && !is_right;
    }
  }
  if (point.forget_asked > 0) {
    point.extraction_strength_forget = strength / static_cast<double>(point.forget_asked);
    point.gold_log_probability_forget = forget_log_probability / static_cast<double>(point.forget_asked);
  }
  if (retain_asked > 0) point.gold_log_probability_retain = retain_log_probability / static_cast<double>(retain_asked);
  return point;
}

}  // namespace unpact
