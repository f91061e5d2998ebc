#pragma once
/// Membership inference: scores of a text that are low where a model has been trained on it, and what is made of the scores of
/// many texts. Signs and defaults are open-unlearning's; MUSE's differ by the sign alone.
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

namespace unpact {

/// One text's tokens but the first (or the answer's): log p of each behind those before it, nats, and the mean and variance of
/// log p over the whole vocabulary, weighted by p.
struct TokenScores {
  std::vector<double> log_probability, mean, variance;
};

/// LOSS: the mean negative log-probability (Yeom et al. 2018).
double loss_score(std::span<const double> log_probabilities);

/// LOSS divided by the bytes of the text after zlib's compression at level 6 (Carlini et al. 2021).
double zlib_score(double loss, std::string_view text);

/// LOSS - LOSS of a reference model (Carlini et al. 2021).
inline double reference_score(double loss, double loss_of_reference) { return loss - loss_of_reference; }

/// Min-K % (Shi et al., arXiv 2310.16789): minus the mean of the floor(k n) smallest log-probabilities, at least of one.
double min_k_score(std::span<const double> log_probabilities, double k);

/// Whether the variance of Min-K++ is kept above 1e-6, as open-unlearning has it; RWKU has not.
enum class ClampVariance { yes, no };

/// Min-K %++ (Zhang et al., arXiv 2404.02936): the same of (log p - mean) / sqrt(variance).
double min_k_plus_plus_score(const TokenScores& scores, double k, ClampVariance clamp = ClampVariance::yes);

/// Gradient norm: the mean over the parameters' tensors of the norm of the text's loss by each.
double gradient_norm_score(std::span<const double> norms);

/// Area under the ROC curve: the share of the pairs in which the second is larger, equal ones by half: P(b > a) + P(b = a) / 2, from
/// ranks. With scores as above and a = forget, b = held out, 1 says that the forget set is remembered, 1/2 that nothing can be
/// told. NaN where either is empty.
double auc(std::span<const double> a, std::span<const double> b);

/// The standard error of auc() by DeLong et al., Biometrics 44 (1988); NaN for fewer than two of either.
double auc_standard_error(std::span<const double> a, std::span<const double> b);

/// MUSE's AUC of the retrained model for Min-40 % on forget and held-out texts, as published with its code.
inline constexpr double kMuseNewsRetrainedAuc = 0.4772, kMuseBooksRetrainedAuc = 0.5393;

/// MUSE's PrivLeak in per cent: 100 (a - r) / r of MUSE's AUCs, the share of the pairs in which the held-out text has the *lower*
/// Min-K score: 1 - auc(forget, holdout). -100 where the forget set is wholly remembered; above 0 where more was destroyed than
/// retraining would. @param auc_of_muse, retrained_auc_of_muse in MUSE's direction.
double privleak(double auc_of_muse, double retrained_auc_of_muse);

/// What open-unlearning's PrivLeak makes of the same two: it adds 1e-10 to the denominator.
double privleak_open_unlearning(double auc_of_muse, double retrained_auc_of_muse);

/// How close an attack's AUC is to a retrained model's: clip(1 - |a - r| / r, 0, 1).
double privacy_closeness(double auc, double retrained_auc);

}  // namespace unpact
