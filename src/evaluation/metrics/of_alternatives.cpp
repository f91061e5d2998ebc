#include <cmath>

#include "memorization.hpp"
#include "metric_rows.hpp"
#include "metric_sets.hpp"
#include "overlap.hpp"
#include "truth_ratio.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

constexpr const char* kQuestionSets[] = {"forget", "retain"};
constexpr const char* kUtilitySets[] = {"real_authors", "world_facts"};

/// The mean over a set of value(alternatives).
template <class Value>
void add_set(const MetricView& view, const MetricRow& row, MetricValues& values, const std::string& set,
             const Value& value) {
  std::vector<double> items;
  for (const auto& one : alternatives_of(view, set)) items.push_back(value(one));
  values.add_mean(row, set, std::move(items));
}

double ratio_of(const ScoredAlternatives& one) { return truth_ratio(one.right, one.wrong); }

}  // namespace

void measure_truth_ratio(const MetricView& view, const MetricRow& row, MetricValues& values) {
  for (const auto* set : kQuestionSets) add_set(view, row, values, set, ratio_of);
}

void measure_truth_ratio_of_paper(const MetricView& view, const MetricRow& row, MetricValues& values) {
  for (const auto* set : kQuestionSets)
    add_set(view, row, values, set, [](const auto& one) { return truth_ratio_of_paper(one.right, one.wrong); });
}

void measure_truth_score(const MetricView& view, const MetricRow& row, MetricValues& values) {
  add_set(view, row, values, "forget", [](const auto& one) { return forget_truth_score(ratio_of(one)); });
}

void measure_truth_probability(const MetricView& view, const MetricRow& row, MetricValues& values) {
  for (const auto* set : kQuestionSets)
    add_set(view, row, values, set, [](const auto& one) { return truth_probability(one.right, one.wrong); });
}

void measure_paraphrased_probability(const MetricView& view, const MetricRow& row, MetricValues& values) {
  for (const auto* set : kQuestionSets)
    add_set(view, row, values, set, [](const auto& one) { return std::exp(-one.right); });
}

void measure_utility_truth_score(const MetricView& view, const MetricRow& row, MetricValues& values) {
  const auto score = [](const auto& one) { return utility_truth_score(ratio_of(one)); };
  add_set(view, row, values, "retain", score);
  if (!view.evidence.scored.contains(kUtilityPart)) return;
  for (const auto* set : kUtilitySets) add_set(view, row, values, set, score);
}

void measure_probability_among(const MetricView& view, const MetricRow& row, MetricValues& values) {
  for (const auto* set : kUtilitySets) {
    add_set(view, row, values, set, [](const auto& one) {
      std::vector<double> wrong;
      for (const double nll : one.wrong) wrong.push_back(std::exp(-nll));
      return probability_among(std::exp(-one.right), wrong);
    });
  }
}

void measure_utility_rouge(const MetricView& view, const MetricRow& row, MetricValues& values) {
  const auto& answered = view.evidence.continued.at(kUtilityPart);
  std::size_t next = 0;
  for (const auto& set : metric_sets(view.task)) {
    if (set.name != kUtilitySets[0] && set.name != kUtilitySets[1]) continue;
    std::vector<double> items;
    for (const auto* pair : set.pairs) items.push_back(tofu_rouge(pair->answer, view.model.text_of(answered.at(next++))));
    values.add_mean(row, set.name, std::move(items));
  }
}

}  // namespace unpact
