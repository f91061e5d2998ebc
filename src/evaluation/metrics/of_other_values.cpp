#include <cmath>

#include "aggregates.hpp"
#include "kolmogorov_smirnov.hpp"
#include "metric_rows.hpp"

namespace unpact {

void derive_forget_quality(const MetricView& view, const MetricRow& row, MetricValues& values) {
  if (view.retrained == nullptr) return;
  const auto &own = values.items("truth_ratio_forget"), &retrained = view.retrained->items("truth_ratio_forget");
  if (own.empty() || retrained.empty()) return;
  values.add(row, "", own.size(), two_sample_ks(own, retrained).p);
}

void derive_model_utility(const MetricView&, const MetricRow& row, MetricValues& values) {
  std::vector<double> nine;
  std::uint64_t count = 0;
  for (const auto* name :
       {"probability_retain", "probability_among_real_authors", "probability_among_world_facts", "tofu_rouge_retain",
        "utility_rouge_real_authors", "utility_rouge_world_facts", "utility_truth_score_retain",
        "utility_truth_score_real_authors", "utility_truth_score_world_facts"}) {
    const auto* found = values.find(name);
    if (found == nullptr) return;
    nine.push_back(found->value);
    count += found->count;
  }
  values.add(row, "", count / 3, model_utility(nine));
}

void derive_memorization(const MetricView&, const MetricRow& row, MetricValues& values) {
  const auto* strength = values.find("extraction_strength_forget");
  const auto* paraphrased = values.find("paraphrased_probability_forget");
  if (strength == nullptr || paraphrased == nullptr) return;
  values.add(row, "", strength->count,
             memorization_aggregate(strength->value, values.value("exact_memorization_forget"), paraphrased->value,
                                    values.value("truth_score_forget")));
}

}  // namespace unpact
