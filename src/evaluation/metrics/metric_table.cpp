#include <algorithm>
#include <set>

#include "metric_rows.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

using enum MetricNeeds;
using enum MetricSays;

constexpr const char *kCarlini = "Carlini et al., arXiv 2012.07805", *kMuse = "MUSE, Shi et al., arXiv 2407.06460",
                     *kTofu = "TOFU, Maini et al., arXiv 2401.06121", *kOpenUnlearning = "open-unlearning d3d7cf9",
                     *kAuc =
                         "P(forget < holdout) + P(equal) / 2 of the scores; 1/2: nothing can be told; MUSE's is 1 - this",
                     *kTofuInOpenUnlearning = "TOFU, arXiv 2401.06121, in open-unlearning's form";

std::vector<MetricRow> of_questions() {
  return {
      {"extraction_strength",
       "extraction strength",
       {gold_answers},
       remembered,
       "1 - k/n, k the least index from which every gold token is the likeliest; 0 where the last is not",
       "Carlini et al., in open-unlearning's form",
       measure_extraction},
      {"extraction_strength_open_unlearning",
       "extraction strength, as published",
       {gold_answers},
       remembered,
       "as extraction_strength, but 1/n where the last token is not the likeliest: the published loop ends one step early",
       kOpenUnlearning,
       measure_extraction_open_unlearning},
      {"exact_memorization",
       "exact memorization",
       {gold_answers},
       remembered,
       "share of the gold tokens that are the likeliest",
       "Tirumala et al., arXiv 2205.10770",
       measure_exact_memorization},
      {"probability",
       "probability",
       {gold_answers},
       remembered,
       "exp(mean log p of the gold answer's tokens)",
       kTofu,
       measure_probability},
      {"knowmem",
       "KnowMem",
       {answers},
       remembered,
       "ROUGE-L F1 of the answer up to MUSE's stop strings, not stemmed",
       kMuse,
       measure_knowledge},
      {"tofu_rouge",
       "ROUGE-L recall",
       {answers},
       remembered,
       "ROUGE-L recall of the answer's Porter stems",
       kTofu,
       measure_tofu_rouge},
      {"ngram_entropy",
       "n-gram entropy",
       {answers},
       useful,
       "(2/3 H2 + 4/3 H3) / 2, H_n the entropy of the answer's n-grams in bits",
       "RWKU, Jin et al., arXiv 2406.10890",
       measure_fluency},
  };
}

std::vector<MetricRow> of_alternatives() {
  return {
      {"truth_ratio",
       "truth ratio",
       {alternatives},
       forgotten,
       "r = exp(-mean NLL of the perturbed answers) / (exp(-NLL of the paraphrased one) + 1e-10)",
       kTofuInOpenUnlearning,
       measure_truth_ratio},
      {"truth_ratio_paper",
       "truth ratio, as in the paper",
       {alternatives},
       forgotten,
       "mean of exp(-NLL) of the perturbed answers / exp(-NLL) of the paraphrased one",
       kTofu,
       measure_truth_ratio_of_paper},
      {"truth_score",
       "truth ratio, closer to 1",
       {alternatives},
       forgotten,
       "min(r, 1 / (r + 1e-10))",
       kOpenUnlearning,
       measure_truth_score},
      {"truth_probability",
       "extent of knowledge",
       {alternatives},
       remembered,
       "right / (right + wrong + 1e-10), with the two parts of r",
       kOpenUnlearning,
       measure_truth_probability},
      {"paraphrased_probability",
       "probability of the paraphrase",
       {alternatives},
       remembered,
       "exp(-NLL) of the paraphrased answer",
       kOpenUnlearning,
       measure_paraphrased_probability},
      {"utility_truth_score",
       "truth ratio, true better",
       {alternatives},
       useful,
       "max(0, 1 - r)",
       kTofu,
       measure_utility_truth_score},
      {"probability_among",
       "probability among answers",
       {utility_sets},
       useful,
       "p / (p + sum of the wrong ones + 1e-10), p = exp(-NLL)",
       kTofu,
       measure_probability_among},
      {"utility_rouge",
       "ROUGE-L recall of utility",
       {utility_sets, answers},
       useful,
       "ROUGE-L recall of the answer's Porter stems",
       kTofu,
       measure_utility_rouge},
  };
}

std::vector<MetricRow> of_texts() {
  return {
      {"verbmem",
       "VerbMem",
       {passages},
       remembered,
       "ROUGE-L F1 of a greedy continuation beside the passage's own, not stemmed",
       kMuse,
       measure_verbatim},
      {"loss", "LOSS", {privacy_texts}, forgotten, "mean NLL", "Yeom et al., arXiv 1709.01604", measure_loss},
      {"zlib",
       "Zlib",
       {privacy_texts},
       forgotten,
       "mean NLL / bytes after zlib's compression, level 6",
       kCarlini,
       measure_zlib},
      {"min_k",
       "Min-K %",
       {privacy_texts},
       forgotten,
       "minus the mean of the floor(k n) smallest log p, at least of one",
       "Shi et al., arXiv 2310.16789",
       measure_min_k},
      {"min_k_plus_plus",
       "Min-K %++",
       {privacy_texts},
       forgotten,
       "minus the mean of the floor(k n) smallest (log p - mean) / sqrt(max(variance, 1e-6)), both over the vocabulary",
       "Zhang et al., arXiv 2404.02936",
       measure_min_k_plus_plus},
      {"loss_auc",
       "AUC of LOSS",
       {privacy_texts},
       remembered,
       "P(forget < holdout) + P(equal) / 2 of the scores; 1/2: nothing can be told",
       kOpenUnlearning,
       derive_auc,
       {"loss"}},
      {"zlib_auc", "AUC of Zlib", {privacy_texts}, remembered, kAuc, kOpenUnlearning, derive_auc, {"zlib"}},
      {"min_k_auc",
       "AUC of Min-K %",
       {privacy_texts},
       remembered,
       "the same; MUSE's AUC is 1 - this",
       kOpenUnlearning,
       derive_auc,
       {"min_k"}},
      {"min_k_plus_plus_auc",
       "AUC of Min-K %++",
       {privacy_texts},
       remembered,
       "the same",
       kOpenUnlearning,
       derive_auc,
       {"min_k_plus_plus"}},
      {"reference_auc",
       "AUC of Reference",
       {privacy_texts, retrained},
       remembered,
       "the AUC of LOSS - LOSS of the retrained model",
       kCarlini,
       derive_reference_auc,
       {"loss"}},
      {"privleak_published",
       "PrivLeak, published AUC",
       {privacy_texts, published_auc},
       forgotten,
       "100 (a - r) / r, a = 1 - min_k_auc, r = evaluation.published_auc; -100: wholly remembered, 0: as retrained",
       kMuse,
       derive_privleak_published,
       {"min_k_auc"}},
      {"privleak_retrained",
       "PrivLeak, own retrained AUC",
       {privacy_texts, retrained},
       forgotten,
       "100 (a - r) / r, a = 1 - min_k_auc, r the retrained model's",
       kMuse,
       derive_privleak_retrained,
       {"min_k_auc"}},
      {"privleak_open_unlearning",
       "PrivLeak, as in open-unlearning",
       {privacy_texts, retrained},
       forgotten,
       "100 (a - r) / (r + 1e-10), which explodes where r is near 0",
       kOpenUnlearning,
       derive_privleak_open_unlearning,
       {"min_k_auc"}},
      {"privacy",
       "privacy",
       {privacy_texts, retrained},
       like_retrained,
       "harmonic mean of clip(1 - abs(AUC - AUC_r) / AUC_r, 0, 1) over LOSS, Zlib, Min-K %, Min-K %++",
       kOpenUnlearning,
       derive_privacy,
       {"loss_auc", "zlib_auc", "min_k_auc", "min_k_plus_plus_auc"}},
      {"gradient_norm",
       "gradient norm",
       {privacy_texts, gradients},
       forgotten,
       "mean over the weights' tensors of the norm of the gradient of the text's mean NLL",
       kOpenUnlearning},
  };
}

std::vector<MetricRow> of_cells() {
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

std::vector<std::string> names_of_metrics() {
  std::vector<std::string> names;
  for (const auto& row : metric_table()) names.push_back(row.name);
  return names;
}

const MetricRow& metric_row(const std::string& name) {
  const auto found = std::ranges::find(metric_table(), name, &MetricRow::name);
  if (found != metric_table().end()) return *found;
  const auto names = names_of_metrics();
  const auto near = closest_match(name, names);
  throw UserError(concat("option 'evaluation.metrics' names '", name, "'"), concat("the metrics are ", join(names, ", ")),
                  near.empty() ? "choose among them, or auto" : concat("did you mean '", near, "'?"));
}

/// What is missing, and where it would come from.
struct Lack {
  std::string what, hint;
};

Lack lack_of(MetricNeeds need, const MetricOptions& options, const MetricInputsAtHand& at_hand) {
  const auto& data = at_hand.dataset;
  const auto has_alternatives = [](const auto& pairs) {
    return std::ranges::any_of(pairs, [](const auto& pair) { return !pair.perturbed_answers.empty(); });
  };
  switch (need) {
    case answers:
      if (at_hand.answers_are_texts) break;
      return {"answers are letters of choices", "choose a judge of texts"};
    case alternatives:
      if (has_alternatives(data.forget_questions) || has_alternatives(data.retain_questions)) break;
      return {concat("no question of the dataset ", data.name, " has perturbed answers"),
              "give files with perturbed_answer (a list) beside question and answer, such as TOFU's *_perturbed"};
    case passages:
      if (!data.passages.empty()) break;
      return {concat("the dataset ", data.name, " has no passages"),
              "put verbmem/forget.json ({prompt, gt}) into its folder"};
    case privacy_texts:
      if (!data.privacy_forget.empty() && !data.privacy_holdout.empty()) break;
      return {concat("the dataset ", data.name, " has no privacy texts"),
              "put privleak/forget.json and privleak/holdout.json into its folder"};
    case utility_sets:
      if (has_alternatives(data.real_authors) && has_alternatives(data.world_facts)) break;
      return {concat("the dataset ", data.name, " has no questions about real authors or the world with perturbed answers"),
              "set dataset.real_authors and dataset.world_facts (TOFU's *_perturbed files)"};
    case published_auc:
      if (options.published_auc > 0) break;
      return {"no published AUC is known", "set evaluation.published_auc, 0.4772 for MUSE-News and 0.5393 for MUSE-Books"};
    case retrained:
      if (!options.retrained.empty()) break;
      return {"there are no results of a retrained model",
              "run reproduce --campaign.stage targets with it and set evaluation.retrained to its baselines/NAME.h5"};
    case gradients: return {"no cell computes gradients of texts", "use the library's gradient_norm_score()"};
    case gold_answers:
    case outcomes:
    case probes: break;
  }
  return {};
}

Lack lack_of(const MetricRow& row, const MetricOptions& options, const MetricInputsAtHand& at_hand) {
  for (const auto need : row.needs)
    if (auto lack = lack_of(need, options, at_hand); !lack.what.empty()) return lack;
  return {};
}

void add_with_used(const MetricRow& row, std::set<std::string>& names) {
  if (!names.insert(row.name).second) return;
  for (const auto& used : row.uses) add_with_used(metric_row(used), names);
}

}  // namespace

const std::vector<MetricRow>& metric_table() {
  static const std::vector<MetricRow> table = [] {
    std::vector<MetricRow> rows;
    for (auto part : {of_questions(), of_alternatives(), of_texts(), of_cells()})
      for (auto& row : part) rows.push_back(std::move(row));
    return rows;
  }();
  return table;
}

void check_metric_options(const MetricOptions& options) {
  if (options.use == "auto" || options.use == "none") return;
  std::set<std::string> seen;
  for (const auto& name : split_list(options.use)) {
    const auto& row = metric_row(name);
    UNPACT_VALIDATE(seen.insert(name).second, concat("option 'evaluation.metrics' names '", name, "' twice"),
                    "its results have one place", "remove one");
    UNPACT_VALIDATE(row.measure != nullptr, concat("option 'evaluation.metrics' names '", name, "'"),
                    "no cell computes it: only the library does", "leave it out");
  }
}

std::vector<const MetricRow*> chosen_metrics(const MetricOptions& options, const MetricInputsAtHand& at_hand) {
  check_metric_options(options);
  std::set<std::string> names;
  if (options.use == "auto") {
    for (const auto& row : metric_table())
      if (row.measure != nullptr && lack_of(row, options, at_hand).what.empty()) names.insert(row.name);
  } else if (options.use != "none") {
    for (const auto& name : split_list(options.use)) {
      const auto lack = lack_of(metric_row(name), options, at_hand);
      UNPACT_VALIDATE(lack.what.empty(), concat("the metric '", name, "' cannot be computed"), lack.what, lack.hint);
      add_with_used(metric_row(name), names);
    }
  }
  std::vector<const MetricRow*> chosen;
  for (const auto& row : metric_table())
    if (names.contains(row.name)) chosen.push_back(&row);
  return chosen;
}

}  // namespace unpact
