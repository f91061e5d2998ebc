#include <algorithm>
#include <cmath>
#include <utility>

#include "../rouge.hpp"
#include "metric_rows.hpp"
#include "metric_sources.hpp"
#include "punkt.hpp"
#include "traces.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

/// Over each set of questions with a gold trace; nothing where the model does not think.
template <class Value>
void add_by_set(const MetricView& view, const MetricRow& row, MetricValues& values, const Value& value) {
  const auto& own = (view.is_target ? view.record.target : view.record.unlearned).thought.trace;
  if (own.empty()) return;
  std::vector<double> forget, retain;
  for (std::size_t q = 0; q < view.task.questions.size(); ++q) {
    const auto& asked = view.task.questions[q];
    if (!asked.pair.trace.empty()) (asked.in_forget_set ? forget : retain).push_back(value(asked.pair.trace, own.at(q)));
  }
  values.add_mean(row, "forget", std::move(forget));
  values.add_mean(row, "retain", std::move(retain));
}

}  // namespace

double trace_steps(std::string_view gold, std::string_view own) {
  std::vector<std::vector<std::string>> steps;
  for (const auto& sentence : punkt_sentences(own)) steps.push_back(rouge_tokens(sentence, Stemming::porter));
  double sum = 0;
  const auto wanted = punkt_sentences(gold);
  for (const auto& sentence : wanted) {
    const auto words = rouge_tokens(sentence, Stemming::porter);
    double best = 0;
    for (const auto& step : steps) best = std::max(best, rouge_l(words, step).recall);
    sum += best;
  }
  return wanted.empty() ? 0 : sum / static_cast<double>(wanted.size());
}

void measure_trace_rouge(const MetricView& view, const MetricRow& row, MetricValues& values) {
  add_by_set(view, row, values,
             [](const std::string& gold, const std::string& own) { return rouge_l(gold, own, Stemming::porter).recall; });
}

void measure_trace_steps(const MetricView& view, const MetricRow& row, MetricValues& values) {
  add_by_set(view, row, values, trace_steps);
}

void measure_trace_share(const MetricView& view, const MetricRow& row, MetricValues& values) {
  const auto& thought = (view.is_target ? view.record.target : view.record.unlearned).thought;
  for (const auto& [answer, shares] :
       {std::pair("gold", &thought.gold.trace_share), std::pair("own", &thought.own.trace_share)})
    for (const bool forget : {true, false}) {
      std::vector<double> items;
      for (std::size_t q = 0; q < shares->size(); ++q)
        if (view.task.questions[q].in_forget_set == forget && !std::isnan((*shares)[q])) items.push_back((*shares)[q]);
      values.add_mean(row, concat(answer, forget ? "_forget" : "_retain"), std::move(items));
    }
}

std::vector<MetricRow> metric_rows_of_traces() {
  using enum MetricNeeds;
  return {
      {"trace_rouge",
       "ROUGE-L recall of the trace",
       {answers, traces},
       MetricSays::remembered,
       "ROUGE-L recall of the gold trace's Porter stems in the model's own trace",
       kRTofu,
       measure_trace_rouge},
      {"trace_steps",
       "steps of the trace",
       {answers, traces},
       MetricSays::remembered,
       "mean over the gold trace's sentences of the largest ROUGE-L recall (Porter stems) among the own trace's sentences",
       kRTofu,
       measure_trace_steps},
      {"trace_share",
       "the trace's share of contributions",
       {answers, traces},
       MetricSays::remembered,
       "positive contributions of the trace's tokens / those of the question's and the trace's, to the gold and the own "
       "answer",
       "unpact",
       measure_trace_share},
  };
}

}  // namespace unpact
