#pragma once
/// Linear surrogates of a score over random masks: LIME (Ribeiro et al., arXiv 1602.04938) and ContextCite's LASSO
/// (Cohen-Wang et al., arXiv 2409.00729).
///
/// Legend: N masks, n candidates.
#include <cstdint>
#include <vector>

#include "unpact/attribution/coalitions.hpp"

namespace unpact {

struct SurrogateFit {
  std::vector<double> coefficients;  ///< n: what a candidate adds to the score
  double intercept = 0;
  double r2 = 0;  ///< explained share of the (weighted) variance; 1 where the scores do not vary
};

/// min (1/2N) sum (y - b0 - z b)^2 + penalty sum |b|, z = the masks' columns with mean 0 and standard deviation 1, as
/// ContextCite fits it; coefficients are given back for the masks as they are. By cyclic coordinate descent (Friedman,
/// Hastie & Tibshirani 2010, Journal of Statistical Software 33). A candidate that is in all masks or in none gets 0.
/// @throws RuntimeFailure when it does not settle.
SurrogateFit fit_lasso(const std::vector<Coalition>& masks, const std::vector<double>& scores, double penalty);

/// min sum w (y - b0 - x b)^2 + penalty sum b^2, as LIME fits it; penalty > 0.
SurrogateFit fit_ridge(const std::vector<Coalition>& masks, const std::vector<double>& scores,
                       const std::vector<double>& weights, double penalty);

/// LIME's weight of a mask for text: sqrt(exp(-(d / 0.25)^2)), d = 1 - cosine between the mask and the whole prompt's.
double lime_weight(const Coalition& mask);

/// `count` masks that keep each candidate with the same probability. Depends on seed and item alone.
std::vector<Coalition> random_masks(std::size_t candidates, std::int64_t count, double keep_probability, std::uint64_t seed,
                                    std::uint64_t item);

}  // namespace unpact
