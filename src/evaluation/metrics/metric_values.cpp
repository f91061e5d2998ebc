#include "metric_values.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "metric_sets.hpp"
#include "unpact/core/error.hpp"

namespace unpact {

void MetricValues::put(MetricValue value) {
  if (std::isnan(value.value)) return;
  const auto known = std::ranges::find(values_, value.name, &MetricValue::name);
  if (known == values_.end()) values_.push_back(std::move(value));
  else *known = std::move(value);
}

void MetricValues::add(const MetricRow& row, const std::string& set, std::uint64_t count, double value, double low,
                       double high) {
  put({set.empty() ? row.name : concat(row.name, "_", set),
       row.label,
       name_of_value(row.larger_says),
       count,
       value,
       low,
       high,
       {}});
}

void MetricValues::add_rate(const MetricRow& row, const std::string& set, const Rate& rate) {
  add(row, set, rate.total, rate.value, rate.low, rate.high);
}

void MetricValues::add_mean(const MetricRow& row, const std::string& set, std::vector<double> items) {
  if (items.empty()) return;
  const auto n = static_cast<double>(items.size());
  const double mean = std::accumulate(items.begin(), items.end(), 0.0) / n;
  double squares = 0;
  for (const double item : items) squares += (item - mean) * (item - mean);
  constexpr double kZ = 1.959963984540054;
  const double half = items.size() < 2 ? MetricRecord::kNone : kZ * std::sqrt(squares / (n - 1) / n);
  MetricValue value{set.empty() ? row.name : concat(row.name, "_", set),
                    row.label,
                    name_of_value(row.larger_says),
                    items.size(),
                    mean,
                    mean - half,
                    mean + half,
                    {}};
  value.items = std::move(items);
  put(std::move(value));
}

const MetricValue* MetricValues::find(const std::string& name) const {
  const auto found = std::ranges::find(values_, name, &MetricValue::name);
  return found == values_.end() ? nullptr : &*found;
}

double MetricValues::value(const std::string& name) const {
  const auto* found = find(name);
  return found == nullptr ? MetricRecord::kNone : found->value;
}

const std::vector<double>& MetricValues::items(const std::string& name) const {
  static const std::vector<double> none;
  const auto* found = find(name);
  return found == nullptr ? none : found->items;
}

const std::vector<SequenceScores>& MetricView::scores(const std::string& part) const {
  const auto found = evidence.scored.find(part);
  UNPACT_EXPECT(found != evidence.scored.end());
  return found->second;
}

std::vector<ScoredAlternatives> alternatives_of(const MetricView& view, const std::string& set) {
  const auto lists = metric_sets(view.task);
  const bool is_utility = set == "real_authors" || set == "world_facts";
  const auto& scores = view.scores(is_utility ? kUtilityPart : kAlternativesPart);
  std::vector<ScoredAlternatives> found;
  std::size_t next = 0;
  for (const auto& list : lists) {
    if ((list.name == "real_authors" || list.name == "world_facts") != is_utility) continue;
    for (std::size_t q = 0; q < list.pairs.size(); ++q) {
      const auto wrong = list.pairs[q]->perturbed.size();
      if (wrong == 0) continue;
      ScoredAlternatives one{q, scores.at(next++).loss, {}};
      for (std::size_t i = 0; i < wrong; ++i) one.wrong.push_back(scores.at(next++).loss);
      if (list.name == set) found.push_back(std::move(one));
    }
  }
  return found;
}

}  // namespace unpact
