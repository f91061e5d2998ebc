#pragma once
/// What metric_table.cpp lists; each family stands in a file of its own. A row's name says which.
#include "metric_values.hpp"

namespace unpact {

// of_questions.cpp: teacher forcing of gold answers, and the answers that are there
void measure_extraction(const MetricView& view, const MetricRow& row, MetricValues& values);
void measure_extraction_open_unlearning(const MetricView& view, const MetricRow& row, MetricValues& values);
void measure_exact_memorization(const MetricView& view, const MetricRow& row, MetricValues& values);
void measure_probability(const MetricView& view, const MetricRow& row, MetricValues& values);
void measure_knowledge(const MetricView& view, const MetricRow& row, MetricValues& values);
void measure_tofu_rouge(const MetricView& view, const MetricRow& row, MetricValues& values);
void measure_fluency(const MetricView& view, const MetricRow& row, MetricValues& values);
void measure_perplexity(const MetricView& view, const MetricRow& row, MetricValues& values);

// of_pairs.cpp: two questions in one prompt
void measure_paired_forget(const MetricView& view, const MetricRow& row, MetricValues& values);
void measure_paired_retain(const MetricView& view, const MetricRow& row, MetricValues& values);
void measure_paired_drop(const MetricView& view, const MetricRow& row, MetricValues& values);

// of_alternatives.cpp: right and wrong answers
void measure_truth_ratio(const MetricView& view, const MetricRow& row, MetricValues& values);
void measure_truth_ratio_of_paper(const MetricView& view, const MetricRow& row, MetricValues& values);
void measure_truth_score(const MetricView& view, const MetricRow& row, MetricValues& values);
void measure_truth_probability(const MetricView& view, const MetricRow& row, MetricValues& values);
void measure_paraphrased_probability(const MetricView& view, const MetricRow& row, MetricValues& values);
void measure_utility_truth_score(const MetricView& view, const MetricRow& row, MetricValues& values);
void measure_probability_among(const MetricView& view, const MetricRow& row, MetricValues& values);
void measure_utility_rouge(const MetricView& view, const MetricRow& row, MetricValues& values);

// of_texts.cpp: passages and membership
void measure_verbatim(const MetricView& view, const MetricRow& row, MetricValues& values);
void measure_loss(const MetricView& view, const MetricRow& row, MetricValues& values);
void measure_zlib(const MetricView& view, const MetricRow& row, MetricValues& values);
void measure_min_k(const MetricView& view, const MetricRow& row, MetricValues& values);
void measure_min_k_plus_plus(const MetricView& view, const MetricRow& row, MetricValues& values);
void measure_gradient_norm(const MetricView& view, const MetricRow& row, MetricValues& values);
void derive_auc(const MetricView& view, const MetricRow& row, MetricValues& values);
void derive_reference_auc(const MetricView& view, const MetricRow& row, MetricValues& values);
void derive_privleak_published(const MetricView& view, const MetricRow& row, MetricValues& values);
void derive_privleak_retrained(const MetricView& view, const MetricRow& row, MetricValues& values);
void derive_privleak_open_unlearning(const MetricView& view, const MetricRow& row, MetricValues& values);
void derive_privacy(const MetricView& view, const MetricRow& row, MetricValues& values);

// of_cell.cpp: outcomes and probes
void measure_leak(const MetricView& view, const MetricRow& row, MetricValues& values);
void measure_near_destruction(const MetricView& view, const MetricRow& row, MetricValues& values);

// of_other_values.cpp: what is made of other values
void derive_forget_quality(const MetricView& view, const MetricRow& row, MetricValues& values);
void derive_model_utility(const MetricView& view, const MetricRow& row, MetricValues& values);
void derive_memorization(const MetricView& view, const MetricRow& row, MetricValues& values);

// metric_table_of_cells.cpp: parts of metric_table()
std::vector<MetricRow> metric_rows_of_pairs();
std::vector<MetricRow> metric_rows_of_cells();

// of_traces.cpp: traces of thought
std::vector<MetricRow> metric_rows_of_traces();

}  // namespace unpact
