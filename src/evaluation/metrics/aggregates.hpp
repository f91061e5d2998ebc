#pragma once
/// Numbers that are made of other metrics: harmonic means, which one bad part pulls down.
#include <span>

namespace unpact {

/// n / sum 1 / v; 0 where any is 0, NaN where any is or none are. Values are not negative.
double harmonic_mean(std::span<const double> values);

/// TOFU's model utility: the harmonic mean of nine numbers, {retain, real authors, world facts} x {probability (of the latter two
/// among the wrong answers, probability_among), ROUGE-L recall, truth score (utility_truth_score)}. Requires nine.
double model_utility(std::span<const double> nine);

/// open-unlearning's aggregates. Memorization is 1 where nothing is left: of 1 - extraction strength, 1 - exact memorization,
/// 1 - probability of the paraphrased answer, 1 - truth ratio's score on the forget set.
double memorization_aggregate(double extraction_strength, double exact_memorization, double paraphrased_probability,
                              double truth_score);

/// Of the closeness of each attack's AUC to that of a retrained model (privacy_closeness()): LOSS, Zlib, Min-K, Min-K++.
double privacy_aggregate(std::span<const double> closeness);

/// Of model utility and fluency, both in [0, 1].
double utility_aggregate(double model_utility, double fluency);

}  // namespace unpact
