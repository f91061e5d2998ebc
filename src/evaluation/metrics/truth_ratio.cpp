#include "truth_ratio.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "unpact/core/error.hpp"

namespace unpact {
namespace {

constexpr double kNotZero = 1e-10;  // open-unlearning's

double geometric_mean_probability(std::span<const double> nlls) {
  UNPACT_EXPECT(!nlls.empty());
  return std::exp(-std::accumulate(nlls.begin(), nlls.end(), 0.0) / static_cast<double>(nlls.size()));
}

}  // namespace

double truth_ratio(double nll_paraphrased, std::span<const double> nll_perturbed) {
  return geometric_mean_probability(nll_perturbed) / (std::exp(-nll_paraphrased) + kNotZero);
}

double truth_ratio_of_paper(double nll_paraphrased, std::span<const double> nll_perturbed) {
  UNPACT_EXPECT(!nll_perturbed.empty());
  double sum = 0;
  for (const double nll : nll_perturbed) sum += std::exp(-nll);
  return sum / static_cast<double>(nll_perturbed.size()) / std::exp(-nll_paraphrased);
}

double truth_probability(double nll_paraphrased, std::span<const double> nll_perturbed) {
  const double right = std::exp(-nll_paraphrased);
  return right / (right + geometric_mean_probability(nll_perturbed) + kNotZero);
}

double forget_truth_score(double ratio) { return std::min(ratio, 1 / (ratio + kNotZero)); }

double utility_truth_score(double ratio) { return std::max(0.0, 1 - ratio); }

}  // namespace unpact
