#include "evaluate_model.hpp"

#include <cmath>

#include "end_of_answer.hpp"
#include "judge_all.hpp"
#include "own_answers.hpp"
#include "think.hpp"
#include "traces.hpp"
#include "record_questions.hpp"
#include "unpact/core/log.hpp"
#include "unpact/core/text.hpp"
#include "unpact/evaluation/attribute_questions.hpp"
#include "choices.hpp"
#include "unpact/evaluation/stage_meter.hpp"
#include "verify.hpp"

namespace unpact {
namespace {

struct Answered {
  Answers ids;
  std::vector<Thought> thoughts;  ///< in front of them; none: the model does not think
};

/// What the model thought, beside the verdicts on its answers.
void record_thoughts(const std::vector<OwnAnswer>& answers, ThoughtRecord& record) {
  for (const auto& answer : answers) {
    record.trace.push_back(answer.trace);
    record.forced.push_back(answer.forced);
  }
}

/// Asks; the ids of the model's own answers are returned.
Answered answer_questions(const Communicator& group, const LanguageModel& model, const std::vector<AskedQuestion>& questions,
                          const EvaluationOptions& options, const EvaluatedModel& evaluated, ModelRecord& record) {
  PromptsToAnswer asked;
  for (const auto& question : questions) {
    asked.prompts.push_back(question.prompt.ids);
    asked.choices.push_back(question.pair.choices.size());
  }
  const PageOptions kept{evaluated.pages, "answers", static_cast<std::size_t>(options.attribution.save_every)};
  auto answers = answers_in_pages(group, model, asked, options.generation, style_of(options.judge), kept);
  const bool has_thoughts = thinks(model.prompt_template) && style_of(options.judge) == AnswerStyle::text;
  if (has_thoughts) record_thoughts(answers, record.thought);
  say_forced(answers, questions, options.generation, evaluated.label);
  Answered own;
  for (auto& answer : answers) {
    record.answer.push_back(std::move(answer.text));
    own.ids.push_back(std::move(answer.ids));
    if (has_thoughts) own.thoughts.push_back(std::move(answer.thought));
  }
  return own;
}

/// Takes the ends off and keeps them in the record.
ContributionRecord record_of(std::vector<Attribution> results, const Answers& answers, const KeyTokenOptions& keys,
                             double noise) {
  Ragged<float> ends;
  for (std::size_t q = 0; q < results.size(); ++q) ends.add(take_end(results[q], answers[q].size()));
  auto record = record_contributions(results, answers, keys, noise);
  record.end_log_probabilities = std::move(ends);
  return record;
}

/// Contributions to gold and own answers.
void attribute(const Communicator& group, const LanguageModel& model, const std::vector<AskedQuestion>& questions,
               const Answers& gold, const Answers& own, const AttributionMethod& method, const AttributionOptions& a,
               const EvaluatedModel& evaluated, ModelRecord& record, std::vector<WorkRecord>& stages) {
  const bool scores_ends = method.engine() != nullptr && a.score_end;
  const auto with_ends = [&](const Answers& answers) { return scores_ends ? with_end(model, questions, answers) : answers; };
  const auto of_gold_set = with_ends(gold), of_own_set = with_ends(own);
  std::vector<Answers> answers;
  for (std::size_t q = 0; q < questions.size(); ++q) answers.push_back({of_gold_set[q], of_own_set[q]});
  const StageMeter attributing(group, model.transformer.device());
  std::vector<Attribution> of_gold, of_own;
  for (auto& both :
       attribute_answer_sets(group, model.transformer, method, questions, answers, evaluated.label + ": contributions",
                             {evaluated.pages, "attributions", static_cast<std::size_t>(a.save_every)})) {
    of_gold.push_back(std::move(both.at(0)));
    of_own.push_back(std::move(both.at(1)));
  }
  stages.push_back(attributing.record(evaluated.label + "_attribution", {&of_gold, &of_own}));
  const double noise = is_in_nats(a.method) ? evaluated.noise_floor : 0.0;
  record.gold = record_of(std::move(of_gold), gold, a.keys, noise);
  record.own = record_of(std::move(of_own), own, a.keys, noise);
}

/// The same behind thoughts: the gold answer behind the gold trace, the own one behind the own trace.
void attribute_behind_thoughts(const Communicator& group, const LanguageModel& model,
                               const std::vector<AskedQuestion>& plain, const std::vector<AskedQuestion>& gold_asked,
                               const std::vector<AskedQuestion>& own_asked, const Answers& gold, const Answers& own,
                               const AttributionMethod& method, const AttributionOptions& a, const EvaluatedModel& evaluated,
                               ModelRecord& record, std::vector<WorkRecord>& stages) {
  const bool scores_ends = method.engine() != nullptr && a.score_end;
  const auto save_every = static_cast<std::size_t>(a.save_every);
  const auto run = [&](const std::vector<AskedQuestion>& asked, const Answers& answers, const std::string& name) {
    return attribute_answers(
        group, model.transformer, method, asked, scores_ends ? with_end(model, asked, answers) : answers,
        concat(evaluated.label, ": contributions to ", name), {evaluated.pages, "attributions_" + name, save_every});
  };
  const StageMeter attributing(group, model.transformer.device());
  auto of_gold = run(gold_asked, gold, "gold"), of_own = run(own_asked, own, "own");
  stages.push_back(attributing.record(evaluated.label + "_attribution", {&of_gold, &of_own}));
  const double noise = is_in_nats(a.method) ? evaluated.noise_floor : 0.0;
  record.thought.gold = take_traces(of_gold, plain, gold_asked, gold);
  record.thought.own = take_traces(of_own, plain, own_asked, own);
  record.gold = record_of(std::move(of_gold), gold, a.keys, noise);
  record.own = record_of(std::move(of_own), own, a.keys, noise);
}

void say_work(const std::string& label, const WorkRecord& work, const std::string& method) {
  log::info(
      concat(label, ": ", work.positions, " positions run for contributions, ", work.positions_naive, " without sharing; ",
             std::isnan(work.peak_memory) ? "memory in use unknown"
                                          : concat("at most ", std::lround(work.peak_memory / (1 << 20)), " MiB in use")));
  if (const auto inexact = inexactness_of(method); !inexact.empty())
    log::info(concat(label, ": its contributions are inexact: ", inexact));
  if (const auto removed = text_removed_by(method); !removed.empty())
    log::info(concat(label, ": ", method, " removes ", removed));
}

/// Checks a sample of the contributions to gold answers and keeps what was found.
void verify_contributions(const Communicator& group, const Transformer& model, const LeaveOneOutEngine& made_by,
                          const std::vector<AskedQuestion>& questions, const Answers& answers,
                          const ContributionRecord& made, const AttributionOptions& a, const std::string& label,
                          std::vector<VerificationRecord>& verification) {
  std::vector<std::vector<float>> contributions;
  for (std::size_t q = 0; q < questions.size(); ++q) contributions.push_back(made.contributions.row(q));
  if (const auto found = verify_attributions(group, model, made_by, questions, answers, contributions, a.keys,
                                             static_cast<std::size_t>(a.settings.verify), label))
    verification.push_back(*found);
}

}  // namespace

ModelRecord evaluate_model(const Communicator& group, const LanguageModel& model,
                           const std::vector<AskedQuestion>& questions, const EvaluationOptions& options,
                           const EvaluatedModel& evaluated, CellRecord& cell) {
  const auto& label = evaluated.label;
  const auto& a = options.attribution;
  const auto method = make_attribution_method(a.method, a.settings, options.seed, *model.tokenizer);
  method->check_model(model.transformer);
  ModelRecord record;
  Answers gold;
  for (const auto& asked : questions) gold.push_back(asked.gold_answer);
  const StageMeter answering(group, model.transformer.device());
  const auto own = answer_questions(group, model, questions, options, evaluated, record);
  JudgePanel(options.judge)
      .judge_model(own_answers_to_judge(group, model, questions, record.answer,
                                        {evaluated.pages, "answers", static_cast<std::size_t>(a.save_every)}),
                   label == "target", record, cell);
  judge_traces(options.judge, questions, record.thought);
  cell.work.push_back(answering.record(label + "_answers"));
  const bool thinking = !own.thoughts.empty();
  const auto gold_asked = thinking ? behind_gold_thoughts(model, questions, options) : questions;
  if (thinking)
    attribute_behind_thoughts(group, model, questions, gold_asked, behind_thoughts(questions, own.thoughts, options), gold,
                              own.ids, *method, a, evaluated, record, cell.work);
  else attribute(group, model, questions, gold, own.ids, *method, a, evaluated, record, cell.work);
  say_work(label, cell.work.back(), a.method);
  if (a.settings.verify > 0)
    verify_contributions(group, model.transformer, *method->engine(), with_question_candidates(gold_asked, questions), gold,
                         record.gold, a, label, cell.verification);
  return record;
}

}  // namespace unpact
