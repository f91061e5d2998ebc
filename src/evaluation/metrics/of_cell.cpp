#include <algorithm>
#include <numeric>

#include "../rouge.hpp"
#include "unpact/evaluation/statistics.hpp"
#include "metric_rows.hpp"
#include "sampling.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

/// Of each retain question, ROUGE-L F1 of its stems beside those of the closest forget question.
std::vector<double> similarities(const std::vector<AskedQuestion>& questions, const std::vector<std::size_t>& retain) {
  const auto words_of = [&](std::size_t q) {
    return rouge_tokens(concat(questions[q].pair.question, " ", questions[q].pair.answer), Stemming::porter);
  };
  std::vector<std::vector<std::string>> forget;
  for (std::size_t q = 0; q < questions.size(); ++q)
    if (questions[q].in_forget_set) forget.push_back(words_of(q));
  std::vector<double> closest;
  for (const auto q : retain) {
    double best = 0;
    const auto words = words_of(q);
    for (const auto& other : forget) best = std::max(best, rouge_l(other, words).f1);
    closest.push_back(best);
  }
  return closest;
}

}  // namespace

void measure_leak(const MetricView& view, const MetricRow& row, MetricValues& values) {
  if (view.is_target) return;
  const auto& probes = view.record.probes;
  const auto probe = std::ranges::find(probes, ProbeKind::baseline, &ProbeRecord::kind);
  if (probe == probes.end() || probe->question.empty()) return;
  const auto n = probe->attempt_labels.size();
  for (std::size_t k = 1; k <= n; k *= 2) {
    std::vector<double> items;
    for (std::size_t p = 0; p < probe->question.size(); ++p) {
      const auto first = probe->is_right.begin() + static_cast<std::ptrdiff_t>(p * n);
      const auto leaking = static_cast<std::size_t>(
          std::count_if(first, first + static_cast<std::ptrdiff_t>(n), [](auto flag) { return flag != 0; }));
      items.push_back(leak_at_k(n, leaking, k));
    }
    values.add_mean(row, concat(k), std::move(items));
  }
}

void measure_near_destruction(const MetricView& view, const MetricRow& row, MetricValues& values) {
  if (view.is_target) return;
  const auto is = [&](std::size_t q, Outcome outcome) {
    return view.record.outcome[q] == static_cast<std::uint8_t>(outcome);
  };
  std::vector<std::size_t> retain;  // whose destruction can be told
  for (std::size_t q = 0; q < view.record.outcome.size(); ++q)
    if (is(q, Outcome::kept) || is(q, Outcome::destroyed)) retain.push_back(q);
  const auto similarity = similarities(view.task.questions, retain);
  std::vector<std::size_t> order(retain.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, std::greater(), [&](std::size_t i) { return similarity[i]; });
  constexpr const char* kThirds[] = {"nearest", "middle", "farthest"};
  for (std::size_t third = 0; third < 3; ++third) {
    std::uint64_t destroyed = 0;
    const auto first = third * order.size() / 3, last = (third + 1) * order.size() / 3;
    for (auto i = first; i < last; ++i) destroyed += is(retain[order[i]], Outcome::destroyed) ? 1 : 0;
    values.add_rate(row, kThirds[third], wilson_rate(destroyed, last - first));
  }
}

}  // namespace unpact
