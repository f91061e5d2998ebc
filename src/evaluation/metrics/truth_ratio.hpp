#pragma once
/// TOFU's truth ratio (Maini et al., arXiv 2401.06121) as open-unlearning computes it, with the ways in which it is averaged.
#include <span>

namespace unpact {

/// exp(-mean of the wrong answers' NLLs) / (exp(-NLL of the right paraphrase) + 1e-10): near 0 for a model that knows, near 1
/// for one that cannot tell. NLLs are means over an answer's tokens. This is the geometric mean of the wrong answers'
/// probabilities, which the code has; the paper's formula has the arithmetic one (truth_ratio_of_paper).
double truth_ratio(double nll_paraphrased, std::span<const double> nll_perturbed);

/// The mean of the wrong answers' probabilities / the probability of the right paraphrase.
double truth_ratio_of_paper(double nll_paraphrased, std::span<const double> nll_perturbed);

/// The share of the right paraphrase: right / (right + wrong), with right and wrong as in truth_ratio(). open-unlearning's
/// `prob_mean`, its measure of knowledge.
double truth_probability(double nll_paraphrased, std::span<const double> nll_perturbed);

/// Of one ratio; a set's value is their mean. On the forget set (`closer_to_1_better`): min(r, 1 / (r + 1e-10)); of utility
/// (`true_better`): max(0, 1 - r).
double forget_truth_score(double ratio);
double utility_truth_score(double ratio);

}  // namespace unpact
