#include <cmath>

#include "fluency.hpp"
#include "metric_rows.hpp"
#include "metric_sets.hpp"
#include "overlap.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

/// The mean over each of the two sets of value(question).
template <class Value>
void add_by_set(const MetricView& view, const MetricRow& row, MetricValues& values, const Value& value) {
  std::vector<double> forget, retain;
  for (std::size_t q = 0; q < view.task.questions.size(); ++q)
    (view.task.questions[q].in_forget_set ? forget : retain).push_back(value(q));
  values.add_mean(row, "forget", std::move(forget));
  values.add_mean(row, "retain", std::move(retain));
}

void add_scores(const MetricView& view, const MetricRow& row, MetricValues& values, double SequenceScores::*member) {
  const auto& scores = view.scores(kGoldPart);
  add_by_set(view, row, values, [&](std::size_t q) { return scores.at(q).*member; });
}

}  // namespace

void measure_extraction(const MetricView& view, const MetricRow& row, MetricValues& values) {
  add_scores(view, row, values, &SequenceScores::extraction);
}

void measure_extraction_open_unlearning(const MetricView& view, const MetricRow& row, MetricValues& values) {
  add_scores(view, row, values, &SequenceScores::extraction_open_unlearning);
}

void measure_exact_memorization(const MetricView& view, const MetricRow& row, MetricValues& values) {
  add_scores(view, row, values, &SequenceScores::exact);
}

void measure_probability(const MetricView& view, const MetricRow& row, MetricValues& values) {
  const auto& scores = view.scores(kGoldPart);
  add_by_set(view, row, values, [&](std::size_t q) { return std::exp(-scores.at(q).loss); });
}

void measure_knowledge(const MetricView& view, const MetricRow& row, MetricValues& values) {
  add_by_set(view, row, values, [&](std::size_t q) {
    return knowledge_memorization(view.task.questions[q].pair.answer, view.answers().at(q));
  });
}

void measure_tofu_rouge(const MetricView& view, const MetricRow& row, MetricValues& values) {
  add_by_set(view, row, values,
             [&](std::size_t q) { return tofu_rouge(view.task.questions[q].pair.answer, view.answers().at(q)); });
}

void measure_fluency(const MetricView& view, const MetricRow& row, MetricValues& values) {
  add_by_set(view, row, values, [&](std::size_t q) { return ngram_fluency(words_and_marks(view.answers().at(q))); });
}

void measure_perplexity(const MetricView& view, const MetricRow& row, MetricValues& values) {
  if (view.evidence.own_answers.empty()) return;
  const auto& scores = view.scores(kOwnPart);
  std::vector<double> forget, retain;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const auto& asked = view.task.questions.at(view.evidence.own_answers[i]);
    (asked.in_forget_set ? forget : retain).push_back(std::exp(scores[i].loss));
  }
  values.add_mean(row, "forget", std::move(forget));
  values.add_mean(row, "retain", std::move(retain));
}

}  // namespace unpact
