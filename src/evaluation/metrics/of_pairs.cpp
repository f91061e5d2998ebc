#include "metric_rows.hpp"
#include "metric_sets.hpp"
#include "overlap.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

/// The mean over pairs of value(forget question, retain question, the answer to both).
template <class Value>
void add_pairs(const MetricView& view, const MetricRow& row, MetricValues& values, const Value& value) {
  const auto pairs = question_pairs(view.task);
  const auto& answered = view.evidence.continued.at(kPairsPart);
  std::vector<double> items;
  for (std::size_t i = 0; i < pairs.size(); ++i)
    items.push_back(value(pairs[i].first, pairs[i].second, view.model.text_of(answered.at(i))));
  values.add_mean(row, "", std::move(items));
}

double recall(const MetricView& view, std::size_t question, const std::string& answer) {
  return tofu_rouge(view.task.questions[question].pair.answer, answer);
}

}  // namespace

void measure_paired_forget(const MetricView& view, const MetricRow& row, MetricValues& values) {
  add_pairs(view, row, values, [&](auto forget, auto, const auto& answer) { return recall(view, forget, answer); });
}

void measure_paired_retain(const MetricView& view, const MetricRow& row, MetricValues& values) {
  add_pairs(view, row, values, [&](auto, auto retain, const auto& answer) { return recall(view, retain, answer); });
}

void measure_paired_drop(const MetricView& view, const MetricRow& row, MetricValues& values) {
  add_pairs(view, row, values, [&](auto, auto retain, const auto& answer) {
    return recall(view, retain, view.answers().at(retain)) - recall(view, retain, answer);
  });
}

}  // namespace unpact
