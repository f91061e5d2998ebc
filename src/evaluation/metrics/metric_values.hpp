#pragma once
/// One model's values while they are made, and what they are made from.
#include <map>
#include <string>
#include <vector>

#include "sequence_scores.hpp"
#include "unpact/evaluation/measure_metrics.hpp"
#include "unpact/evaluation/metric.hpp"
#include "unpact/results/rate.hpp"

namespace unpact {

/// A metric on one set.
struct MetricValue {
  std::string name, label, larger_says;
  std::uint64_t count = 0;
  double value = MetricRecord::kNone, low = MetricRecord::kNone, high = MetricRecord::kNone;
  std::vector<double> items;
};

class MetricValues {
 public:
  /// The mean of the items, with mean +- 1.96 of its standard errors (two items or more). No items: nothing is added.
  /// @param set "": the metric has one set.
  void add_mean(const MetricRow& row, const std::string& set, std::vector<double> items);
  /// A share of a count with its Wilson interval; of nothing: nothing is added.
  void add_rate(const MetricRow& row, const std::string& set, const Rate& rate);
  /// NaN: nothing is added. A value of the same name is replaced.
  void add(const MetricRow& row, const std::string& set, std::uint64_t count, double value, double low = MetricRecord::kNone,
           double high = MetricRecord::kNone);
  void put(MetricValue value);

  const MetricValue* find(const std::string& name) const;
  double value(const std::string& name) const;  ///< NaN: there is none
  const std::vector<double>& items(const std::string& name) const;
  const std::vector<MetricValue>& all() const { return values_; }

 private:
  std::vector<MetricValue> values_;
};

/// What a model was asked for the metrics, by the names of metric_work().
struct MetricEvidence {
  std::map<std::string, std::vector<SequenceScores>> scored;
  std::map<std::string, std::vector<std::vector<TokenId>>> continued;
  std::vector<double> gradient_norms;    ///< of the texts; empty: they could not be differentiated
  std::vector<std::size_t> own_answers;  ///< questions whose own answers the target has scored
};

/// What a row sees.
struct MetricView {
  const MetricTask& task;
  const MetricEvidence& evidence;
  const LanguageModel& model;  ///< for its tokenizer and template
  const CellRecord& record;
  bool is_target = false;                   ///< outcomes and probes say nothing about it
  const MetricValues* retrained = nullptr;  ///< null: there is none

  const std::vector<std::string>& answers() const { return (is_target ? record.target : record.unlearned).answer; }
  const std::vector<SequenceScores>& scores(const std::string& part) const;
};

/// A right answer and its wrong ones, as they were scored.
struct ScoredAlternatives {
  std::size_t question = 0;  ///< index in its list
  double right = 0;          ///< mean NLL
  std::vector<double> wrong;
};

/// The alternatives of a set: forget, retain, real_authors or world_facts.
std::vector<ScoredAlternatives> alternatives_of(const MetricView& view, const std::string& set);

}  // namespace unpact
