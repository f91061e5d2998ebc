#include "metric_rows.hpp"
#include "metric_sources.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

using enum MetricNeeds;
using enum MetricSays;

}  // namespace

std::vector<MetricRow> metric_rows_of_pairs() {
  return {
      {"paired_forget",
       "paired questions, forget",
       {question_pairs},
       remembered,
       "ROUGE-L recall of the forget question's gold answer in the answer to '1. FORGET 2. RETAIN', stemmed",
       kBlur,
       measure_paired_forget,
       {},
       false},
      {"paired_retain",
       "paired questions, retain",
       {question_pairs},
       useful,
       "ROUGE-L recall of the retain question's gold answer in the same answer",
       kBlur,
       measure_paired_retain,
       {},
       false},
      {"paired_drop",
       "paired questions, drop",
       {question_pairs},
       damaged,
       "ROUGE-L recall of the retain question asked alone - that in the pair",
       kBlur,
       measure_paired_drop,
       {},
       false},
  };
}

std::vector<MetricRow> metric_rows_of_cells() {
  return {
      {"leak_at",
       "leak@k",
       {probes},
       remembered,
       "mean of 1 - C(n-c, k) / C(n, k): c of the n samples of a forgotten question are right; k = 1, 2, 4 ...",
       "leak@k, arXiv 2511.04934",
       measure_leak},
      {"destructive_by_similarity",
       "destructive rate by similarity",
       {outcomes},
       damaged,
       "destroyed / (kept + destroyed) in thirds of the retain questions by ROUGE-L F1 to the closest forget question",
       "unpact; after arXiv 2506.01318",
       measure_near_destruction},
      {"forget_quality",
       "forget quality",
       {alternatives, retrained},
       like_retrained,
       "two-sided two-sample KS p-value of the truth ratios beside the retrained model's, exact up to 10,000",
       kTofu,
       derive_forget_quality,
       {"truth_ratio"}},
      {"model_utility",
       "model utility",
       {alternatives, utility_sets, answers, gold_answers},
       useful,
       "harmonic mean of 9: probability, ROUGE-L recall and max(0, 1 - r) on retain, real authors, world facts",
       kTofu,
       derive_model_utility,
       {"probability", "tofu_rouge", "probability_among", "utility_rouge", "utility_truth_score"}},
      {"memorization",
       "memorization",
       {alternatives, gold_answers},
       forgotten,
       "harmonic mean of 1 - ES, 1 - EM, 1 - probability of the paraphrase, 1 - truth score, on the forget set",
       kOpenUnlearning,
       derive_memorization,
       {"extraction_strength", "exact_memorization", "paraphrased_probability", "truth_score"}},
  };
}

}  // namespace unpact
