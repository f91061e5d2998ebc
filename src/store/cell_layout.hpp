#pragma once
/// The layout of a cell file, said once for writing and for reading: docs/results-format.md in code.
///
/// `Archive` is CellWriter or CellReader; `Cell` is `const CellRecord` or `CellRecord`. A member of an archive takes the
/// place and the meaning of a dataset and the field that it holds.
#include <cmath>
#include <string>
#include <utility>

#include "cell_evidence_layout.hpp"
#include "cell_trajectory_layout.hpp"
#include "unpact/results/cell.hpp"
#include "metrics_layout.hpp"
#include "writer.hpp"

namespace unpact {

inline constexpr const char* kOutcomeMeanings = "unknown retained forgotten kept destroyed";

template <class Archive, class Cell>
void visit_attributes(Archive& archive, Cell& cell) {
  auto& from = cell.provenance;
  archive.attribute("config_resolved", from.resolved_configuration);
  archive.attribute("seed", from.seed);
  archive.attribute("world_size", from.world_size);
  archive.attribute("group_size", from.group_size);
  archive.json_attribute("devices", from.devices);
  archive.json_attribute("library_versions", from.library_versions);
  if (archive.has_attribute("processes")) {  // since 1.6
    archive.json_attribute("processes", from.processes);
    archive.json_attribute("environment", from.environment);
  }
  archive.attribute("started", from.started);
  archive.attribute("ended", from.ended);
  archive.attribute("model_checksum", from.model_checksum);
  archive.attribute("tokenizer_checksum", from.tokenizer_checksum);
  if (archive.has_attribute("baseline_fingerprint"))  // since 1.4
    archive.attribute("baseline_fingerprint", from.baseline_fingerprint);
  archive.attribute("cell_id", cell.id);
  archive.attribute("model", cell.model);
  archive.attribute("dataset", cell.dataset);
  archive.attribute("method", cell.method);
  archive.attribute("judge", cell.judge);
  if (archive.has_attribute("halves")) archive.attribute("halves", cell.halves);  // since 1.7
  if (archive.has_attribute("skipped_questions"))
    archive.attribute("skipped_questions", cell.skipped_questions);  // since 1.8
  if (archive.has_attribute("attribution_method")) {                 // since 1.1
    archive.attribute("attribution_method", cell.attribution_method);
    archive.json_attribute("attribution_settings", cell.attribution_settings);
  }
  archive.attribute("alpha", cell.alpha);
  archive.attribute("beta", cell.beta);
  if (archive.has_attribute("compute_dtype")) archive.attribute("compute_dtype", cell.compute_dtype);  // since 1.5
  archive.attribute("noise_floor", cell.noise_floor);
}

template <class Archive, class Cell>
void visit_questions(Archive& archive, Cell& cell) {
  auto& q = cell.questions;
  const std::size_t count = q.split.size();
  archive.index_scale(kQuestionAxis, count, "index of a question");
  archive.index_scale(kBoundAxis, count + 1, "index of a bound between questions");
  archive.column({"/questions/split", {kQuestionAxis}, "1", "set that the question belongs to", "forget retain"}, q.split);
  if (archive.has("/questions/half"))  // since 1.7
    archive.question_flags(
        {"/questions/half", {kQuestionAxis}, "1", "half of the set that the question is in", "whole trained held_out"},
        q.half);
  archive.column({"/questions/text", {kQuestionAxis}, "1", "question"}, q.question);
  archive.column({"/questions/gold_answer", {kQuestionAxis}, "1", "right answer"}, q.gold_answer);
  archive.column({"/prompts/text", {kQuestionAxis}, "1", "prompt with its template"}, q.prompt);
  archive.index_scale("/prompts/token", q.token_ids.values.size(), "index of a prompt token");
  archive.ragged("/prompts/token_ids", "/prompts/token", "1", "ids of the prompt's tokens", "", q.token_ids);
  archive.ragged("/prompts/is_candidate", "/prompts/token", "1", "whether the token's contribution was measured",
                 "false true", q.is_candidate);
  archive.column({"/prompts/pieces", {"/prompts/token"}, "1", "text of the token"}, q.pieces);
}

template <class Archive, class Contributions>
void visit_certainty(Archive& archive, const std::string& group, const std::string& answer, const std::string& unit,
                     Contributions& c) {
  archive.index_scale(group + "/estimate", c.standard_errors.values.size(), "index of a standard error");
  archive.ragged(group + "/standard_errors", group + "/estimate", unit, "standard errors of the contributions", "",
                 c.standard_errors);
  archive.ragged(group + "/key_token_uncertain", group + "/candidate", "1",
                 "whether noise could turn the verdict on the candidate", "false true", c.is_uncertain);
  archive.question_numbers(
      {group + "/mean_log_probability", {kQuestionAxis}, "nat/token", "mean log-probability of " + answer},
      c.mean_log_probability);
  archive.question_numbers(
      {group + "/completeness_error", {kQuestionAxis}, "nat/token", "sum of the contributions minus what it should be"},
      c.completeness_error);
  archive.question_numbers(
      {group + "/surrogate_r2", {kQuestionAxis}, "1", "share of the variance that the surrogate explains"}, c.surrogate_r2);
}

template <class Archive, class Contributions>
void visit_contributions(Archive& archive, const std::string& group, const std::string& answer, const std::string& unit,
                         Contributions& c) {
  archive.index_scale(group + "/answer_token", c.answer_ids.values.size(), "index of an answer token");
  archive.index_scale(group + "/entry", c.log_probabilities.values.size(), "index of a log-probability");
  archive.index_scale(group + "/candidate", c.contributions.values.size(), "index of a candidate token");
  archive.ragged(group + "/answer_ids", group + "/answer_token", "1", "ids of the tokens of " + answer, "", c.answer_ids);
  archive.ragged(group + "/log_probabilities", group + "/entry", "nat",
                 "log-probabilities of the tokens of " + answer + ", (n+1) x T a question: whole prompt, then removals", "",
                 c.log_probabilities);
  archive.ragged(group + "/contributions", group + "/candidate", unit, "contributions to " + answer, "", c.contributions);
  archive.ragged(group + "/is_key_token", group + "/candidate", "1", "whether the candidate is a KeyToken", "false true",
                 c.is_key_token);
  if (archive.has(group + "/key_token_uncertain")) visit_certainty(archive, group, answer, unit, c);  // since 1.1
  if (!archive.has(group + "/end_log_probabilities")) return;                                         // since 1.8
  archive.index_scale(group + "/end_entry", c.end_log_probabilities.values.size(), "index of an end's log-probability");
  archive.ragged(group + "/end_log_probabilities", group + "/end_entry", "nat",
                 "log-probabilities of the end behind " + answer + ", n+1 a question: whole prompt, then removals", "",
                 c.end_log_probabilities);
}

template <class Archive, class Model>
void visit_model(Archive& archive, const std::string& group, const std::string& unit, Model& model) {
  archive.column({group + "/answer", {kQuestionAxis}, "1", "greedy answer"}, model.answer);
  archive.column({group + "/score", {kQuestionAxis}, "1", "judge's score of the answer"}, model.score);
  archive.column({group + "/is_right", {kQuestionAxis}, "1", "whether the answer is right", "false true"}, model.is_right);
  visit_contributions(archive, group + "/gold", "the gold answer", unit, model.gold);
  visit_contributions(archive, group + "/own", "the model's own answer", unit, model.own);
  if (archive.has_thought(group, model.thought.trace)) visit_thought(archive, group, model);
}

template <class Archive, class Contributions>
void visit_trace(Archive& archive, const std::string& group, const std::string& answer, Contributions& c) {
  archive.index_scale(group + "/token", c.token_ids.values.size(), "index of a token of a trace");
  archive.index_scale(group + "/entry", c.log_probabilities.values.size(), "index of a log-probability");
  archive.ragged(group + "/token_ids", group + "/token", "1", "ids of the trace's tokens", "", c.token_ids);
  archive.ragged(group + "/log_probabilities", group + "/entry", "nat",
                 "log-probabilities of the tokens of " + answer + ", t x T a question: a token of the trace removed", "",
                 c.log_probabilities);
  archive.ragged(group + "/contributions", group + "/token", "nat/token", "contributions of the trace to " + answer, "",
                 c.contributions);
  archive.column(
      {group + "/trace_share", {kQuestionAxis}, "1", "the trace's share of all positive contributions to " + answer},
      c.trace_share);
}

/// Of a model that thinks; since 1.10.
template <class Archive, class Model>
void visit_thought(Archive& archive, const std::string& model_group, Model& model) {
  auto& t = model.thought;
  const auto group = model_group + "/thought";
  archive.column({group + "/trace", {kQuestionAxis}, "1", "trace of thought in front of the greedy answer"}, t.trace);
  archive.column({group + "/forced", {kQuestionAxis}, "1", "whether it had no end and was closed by force", "false true"},
                 t.forced);
  archive.column({group + "/score", {kQuestionAxis}, "1", "judge's score of the trace in the answer's place"}, t.score);
  archive.column({group + "/is_right", {kQuestionAxis}, "1", "whether the trace says the gold answer", "false true"},
                 t.is_right);
  visit_trace(archive, group + "/gold", "the gold answer", t.gold);
  visit_trace(archive, group + "/own", "the model's own answer", t.own);
}

template <class Archive, class Cell>
void visit_comparison(Archive& archive, Cell& cell) {
  archive.column({"/outcome/class", {kQuestionAxis}, "1", "outcome of the question", kOutcomeMeanings}, cell.outcome);
  visit_knowledge(archive, cell.knowledge);
  archive.column({"/focus_shift/set_cosine", {kQuestionAxis}, "1", "cosine of the two sets of KeyTokens"},
                 cell.focus_shift.set_cosine);
  archive.column(
      {"/focus_shift/contribution_cosine", {kQuestionAxis}, "1", "cosine of the contributions over the union of KeyTokens"},
      cell.focus_shift.contribution_cosine);
}

template <class Archive, class Probe>
void visit_probe(Archive& archive, Probe& probe) {
  const std::string group = "/probes/" + probe.name, row = group + "/probed_question", column = group + "/attempt";
  archive.column({row, {row}, "1", "index of the probed question"}, probe.question);
  archive.column({column, {column}, "1", "label of the attempt"}, probe.attempt_labels);
  const std::vector<std::size_t> shape = {probe.question.size(), probe.attempt_labels.size()};
  if (archive.has(group + "/asked"))  // since 1.7
    archive.flags({group + "/asked", {row}, "1", "whether and how the question was asked", "no yes relative_floor"},
                  probe.question.size(), static_cast<std::uint8_t>(Asked::yes), probe.asked);
  if (archive.has(group + "/trained"))  // since 1.11
    archive.flags({group + "/trained", {column}, "1", "whether the unlearning trained on the phrasing", "false true"},
                  probe.attempt_labels.size(), 0, probe.trained);
  archive.matrix({group + "/answer", {row, column}, "1", "answer of the attempt"}, shape, probe.answer);
  archive.matrix({group + "/score", {row, column}, "1", "judge's score of the answer"}, shape, probe.score);
  archive.matrix({group + "/is_right", {row, column}, "1", "whether the answer is right", "false true"}, shape,
                 probe.is_right);
  if (archive.has(group + "/put")) visit_injection(archive, group, {row, column}, shape, probe);  // since 1.7
  visit_spent(archive, group, {row, column}, shape, probe);
  archive.name_judges(group + "/judges", probe.judged);
  for (auto& verdicts : probe.judged) {
    const auto of_judge = group + "/judges/" + verdicts.judge;
    archive.matrix({of_judge + "/score", {row, column}, "1", "score by a judge that does not decide"}, shape,
                   verdicts.score);
    archive.matrix({of_judge + "/is_right", {row, column}, "1", "whether it finds the answer right", "false true"}, shape,
                   verdicts.is_right);
  }
  archive.describe_probe(group, probe);
}

template <class Archive, class Cell>
void visit_rates(Archive& archive, Cell& cell) {
  const std::string axis = "/rates/name";
  archive.field({axis, {axis}, "1", "name of the rate"}, cell.rates, &Rate::name);
  archive.field({"/rates/count", {axis}, "1", "numerator"}, cell.rates, &Rate::count);
  archive.field({"/rates/total", {axis}, "1", "denominator"}, cell.rates, &Rate::total);
  archive.field({"/rates/value", {axis}, "1", "rate"}, cell.rates, &Rate::value);
  archive.field({"/rates/low", {axis}, "1", "lower end of the 95 % Wilson interval"}, cell.rates, &Rate::low);
  archive.field({"/rates/high", {axis}, "1", "upper end of the 95 % Wilson interval"}, cell.rates, &Rate::high);
}

template <class Archive, class Cell>
void visit_training(Archive& archive, Cell& cell) {
  const std::string axis = "/training/step";
  auto& steps = cell.training;
  archive.field({axis, {axis}, "1", "optimizer step"}, steps, &StepReport::step);
  archive.field({"/training/loss", {axis}, "1", "loss"}, steps, &StepReport::loss);
  archive.element({"/training/forget_loss", {axis}, "1", "forget term of the loss"}, steps, &StepReport::term_losses, 0);
  archive.element({"/training/retain_loss", {axis}, "1", "retain term of the loss"}, steps, &StepReport::term_losses, 1);
  archive.field({"/training/gradient_norm", {axis}, "1", "norm of the gradient"}, steps, &StepReport::gradient_norm);
  if (archive.has("/training/forget_norm")) {  // since 1.9
    archive.element({"/training/forget_norm", {axis}, "1", "norm of the forget term's gradient"}, steps,
                    &StepReport::term_norms, 0);
    archive.element({"/training/retain_norm", {axis}, "1", "norm of the retain term's gradient"}, steps,
                    &StepReport::term_norms, 1);
  }
  archive.field({"/training/learning_rate", {axis}, "1", "learning rate"}, steps, &StepReport::learning_rate);
  archive.field({"/training/tokens", {axis}, "1", "target tokens over all ranks"}, steps, &StepReport::targets);
}

template <class Archive, class Cell>
void visit_work(Archive& archive, Cell& cell) {
  const std::string axis = "/work/stage";
  auto& work = cell.work;
  archive.field({axis, {axis}, "1", "stage"}, work, &WorkRecord::stage);
  archive.field({"/work/seconds", {axis}, "s", "wall-clock time"}, work, &WorkRecord::seconds);
  archive.field({"/work/positions", {axis}, "1", "token positions processed"}, work, &WorkRecord::positions);
  archive.field({"/work/positions_naive", {axis}, "1", "token positions of the naive algorithm"}, work,
                &WorkRecord::positions_naive);
  archive.field({"/work/model_calls", {axis}, "1", "forward passes"}, work, &WorkRecord::model_calls);
  archive.field({"/work/logit_rows", {axis}, "1", "rows of logits computed"}, work, &WorkRecord::logit_rows);
  if (archive.has("/work/peak_memory"))  // since 1.2
    archive.field({"/work/peak_memory", {axis}, "byte", "largest memory in use, of the rank that used most"}, work,
                  &WorkRecord::peak_memory);
  if (archive.has("/work/operations"))  // since 1.5
    archive.field({"/work/operations", {axis}, "1", "floating-point operations, over all ranks"}, work,
                  &WorkRecord::operations);
}

template <class Archive, class Cell>
void visit_verification(Archive& archive, Cell& cell) {
  const std::string axis = "/verification/model";
  if (!archive.has(axis)) return;  // since 1.2
  auto& rows = cell.verification;
  archive.field({axis, {axis}, "1", "model whose contributions were checked"}, rows, &VerificationRecord::model);
  archive.field({"/verification/questions", {axis}, "1", "questions attributed once more by the definition"}, rows,
                &VerificationRecord::questions);
  archive.field({"/verification/largest_difference", {axis}, "nat/token", "largest difference of a contribution"}, rows,
                &VerificationRecord::largest_difference);
  archive.field({"/verification/worst_question", {axis}, "1", "index of the question that has it"}, rows,
                &VerificationRecord::worst_question);
  if (!archive.has("/verification/candidates")) return;  // since 1.5
  archive.field({"/verification/candidates", {axis}, "1", "candidates of these questions"}, rows,
                &VerificationRecord::candidates);
  archive.field({"/verification/turned", {axis}, "1", "KeyToken verdicts on them that are others by the definition"}, rows,
                &VerificationRecord::turned);
}

/// Everything but the schema and software attributes, in the order of the file.
template <class Archive, class Cell>
void visit_cell(Archive& archive, Cell& cell) {
  visit_attributes(archive, cell);
  visit_questions(archive, cell);
  visit_model(archive, "/target", cell.contribution_unit, cell.target);
  visit_model(archive, "/unlearned", cell.contribution_unit, cell.unlearned);
  visit_comparison(archive, cell);
  archive.name_probes("/probes", cell.probes);
  for (auto& probe : cell.probes) visit_probe(archive, probe);
  visit_judges(archive, cell);
  visit_arms(archive, cell);
  visit_curves(archive, cell);
  visit_depth(archive, cell);
  visit_trajectory(archive, cell);
  visit_mix(archive, cell);
  visit_rates(archive, cell);
  visit_training(archive, cell);
  visit_work(archive, cell);
  visit_verification(archive, cell);
  visit_metrics(archive, cell.metrics);
}

}  // namespace unpact
