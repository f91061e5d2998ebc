#include "unpact/evaluation/measure_metrics.hpp"

#include <algorithm>

#include "../think.hpp"
#include "gradient_norms.hpp"
#include "metric_values.hpp"
#include "unpact/core/error.hpp"
#include "unpact/evaluation/stage_meter.hpp"

namespace unpact {
namespace {

using Rows = std::vector<const MetricRow*>;

/// The model's own answers, scored by the target behind the questions; empty ones cannot be.
void score_own_answers(const Communicator& group, const LanguageModel& target, const MetricTask& task,
                       const ContributionRecord& own, ScoredPart part, FinishedPages* pages, MetricEvidence& evidence) {
  part.items.clear();
  for (std::size_t q = 0; q < own.answer_ids.rows(); ++q) {
    const auto answer = own.answer_ids.row(q);
    if (answer.empty()) continue;
    evidence.own_answers.push_back(q);
    part.items.push_back({prompt_of_gold(task.questions[q]), {answer.begin(), answer.end()}});
  }
  evidence.scored[part.name] = score_part(group, target, part, task.options.metric.min_k, pages,
                                          static_cast<std::size_t>(task.options.attribution.save_every));
}

MetricEvidence gather(const Communicator& group, const LanguageModel& model, const MetricTask& task, FinishedPages* pages,
                      const LanguageModel* target, const ModelRecord& of_model) {
  const auto work = metric_work(task, model.transformer.config(), *model.tokenizer, model.prompt_template);
  const auto save_every = static_cast<std::size_t>(task.options.attribution.save_every);
  MetricEvidence evidence;
  for (const auto& part : work.scored)
    evidence.scored[part.name] = score_part(group, model, part, task.options.metric.min_k, pages, save_every);
  for (const auto& part : work.continued)
    evidence.continued[part.name] = continue_part(group, model, part, pages, save_every);
  for (const auto& part : work.differentiated)
    evidence.gradient_norms = gradient_norms(group, model, part, pages, save_every);
  if (target != nullptr && !work.by_target.name.empty())
    score_own_answers(group, *target, task, of_model.own, work.by_target, pages, evidence);
  return evidence;
}

/// The target's values, as a record has them.
MetricValues values_of_target(const MetricsRecord& record) {
  MetricValues values;
  for (std::size_t i = 0; i < record.rows.size(); ++i) {
    const auto& row = record.rows[i];
    values.put({row.name, row.label, row.larger_says, row.count, row.target, row.target_low, row.target_high,
                record.target_items.row(i)});
  }
  return values;
}

/// Both models' values in one table: the unlearned model's order, then what only the target has.
void record_values(const MetricValues& target, const MetricValues& unlearned, MetricsRecord& record) {
  record = {};
  auto order = unlearned.all();
  for (const auto& value : target.all())
    if (unlearned.find(value.name) == nullptr) order.push_back(value);
  for (const auto& value : order) {
    auto& row = record.rows.emplace_back();
    row.name = value.name;
    row.label = value.label;
    row.larger_says = value.larger_says;
    row.count = value.count;
    if (const auto* of_target = target.find(value.name)) {
      row.target = of_target->value;
      row.target_low = of_target->low;
      row.target_high = of_target->high;
    }
    if (const auto* of_unlearned = unlearned.find(value.name)) {
      row.unlearned = of_unlearned->value;
      row.unlearned_low = of_unlearned->low;
      row.unlearned_high = of_unlearned->high;
    }
    record.target_items.add(target.items(value.name));
    record.unlearned_items.add(unlearned.items(value.name));
  }
}

Rows chosen(const MetricTask& task) {
  return chosen_metrics(task.options.metric, {task.dataset, !judge_row(task.options.judge).wants_letters});
}

void check_retrained(const CellRecord& retrained, const CellRecord& record) {
  const auto refuse = [](const std::string& reason, const std::string& hint) {
    throw UserError("cannot use the results that option 'evaluation.retrained' names", reason, hint);
  };
  if (retrained.metrics.rows.empty())
    refuse("they have no metrics", "make them again with this version and evaluation.metrics = auto");
  if (retrained.questions.question != record.questions.question)
    refuse("the retrained model was asked other questions", "make them with the same dataset and dataset.limit");
  if (retrained.provenance.tokenizer_checksum != record.provenance.tokenizer_checksum)
    refuse("the retrained model has another tokenizer, so its numbers a token say something else",
           "retrain from the same checkpoint");
}

}  // namespace

void measure_target(const Communicator& group, const LanguageModel& target, const MetricTask& task, FinishedPages* pages,
                    CellRecord& record) {
  const auto rows = chosen(task);
  if (rows.empty()) return;
  const StageMeter meter(group, target.transformer.device());
  const auto evidence = gather(group, target, task, pages, &target, record.target);
  MetricValues values;
  for (const auto* row : rows) row->measure({task, evidence, target, record, /*is_target=*/true}, *row, values);
  record_values(values, values, record.metrics);
  record.work.push_back(meter.record("target_metrics"));
}

void measure_unlearned(const Communicator& group, const LanguageModel& unlearned, const MetricTask& task,
                       FinishedPages* pages, const CellRecord* retrained, CellRecord& record, const LanguageModel* target) {
  const auto rows = chosen(task);
  if (rows.empty()) return;
  MetricValues of_retrained;
  if (retrained != nullptr) {
    check_retrained(*retrained, record);
    of_retrained = values_of_target(retrained->metrics);
  }
  const StageMeter meter(group, unlearned.transformer.device());
  const auto evidence = gather(group, unlearned, task, pages, target, record.unlearned);
  const auto* beside = retrained == nullptr ? nullptr : &of_retrained;
  MetricValues values, of_target = values_of_target(record.metrics);
  for (const auto* row : rows) {
    row->measure({task, evidence, unlearned, record, /*is_target=*/false, beside}, *row, values);
    if (!row->uses.empty()) row->measure({task, evidence, unlearned, record, /*is_target=*/true, beside}, *row, of_target);
  }
  record_values(of_target, values, record.metrics);
  record.work.push_back(meter.record("unlearned_metrics"));
}

}  // namespace unpact
