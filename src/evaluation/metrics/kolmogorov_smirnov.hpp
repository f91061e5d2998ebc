#pragma once
/// The two-sample Kolmogorov-Smirnov test, two-sided: TOFU's forget quality is its p-value for the truth ratios of the unlearned
/// and of a retrained model on the same questions.
#include <span>

namespace unpact {

/// How a p-value was found.
enum class KsDistribution { exact, asymptotic };

struct KsTest {
  double statistic = 0;  ///< D: the largest difference of the two empirical distributions
  double p = 1;          ///< of a D at least as large, were both samples from one continuous distribution
  KsDistribution distribution = KsDistribution::exact;
};

/// Samples of at most this many values each are tested exactly, as scipy.stats.ks_2samp does by itself.
inline constexpr std::size_t kMostExactKs = 10'000;

/// With D = h / lcm(n, m): p is the share of the lattice paths from (0, 0) to (n, m) that somewhere have |i/n - j/m| >= D
/// (J. L. Hodges, "The significance probability of the Smirnov two-sample test", Ark. Mat. 3 (1958)). Shares are carried from
/// point to point, P(i, j) = (i P(i-1, j) + j P(i, j-1)) / (i + j), so that nothing overflows and no terms cancel. Time n m, but
/// for larger samples: there Q(z) = 2 sum (-1)^(k-1) exp(-2 k^2 z^2) at z = D (sqrt(N) + 0.12 + 0.11 / sqrt(N)), N = n m / (n + m)
/// (Stephens 1970). NaN values are not allowed. NaN for an empty sample.
KsTest two_sample_ks(std::span<const double> a, std::span<const double> b);

}  // namespace unpact
