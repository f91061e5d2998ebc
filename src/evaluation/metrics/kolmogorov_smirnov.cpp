#include "kolmogorov_smirnov.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

#include "unpact/core/error.hpp"

namespace unpact {
namespace {

/// max |i m - j n| over the values, i and j being how many of each sample are not above one: D n m, exactly.
std::int64_t largest_gap(const std::vector<double>& a, const std::vector<double>& b) {
  const auto n = static_cast<std::int64_t>(a.size()), m = static_cast<std::int64_t>(b.size());
  std::int64_t i = 0, j = 0, largest = 0;
  while (i < n && j < m) {
    const double value = std::min(a[static_cast<std::size_t>(i)], b[static_cast<std::size_t>(j)]);
    while (i < n && a[static_cast<std::size_t>(i)] == value) ++i;
    while (j < m && b[static_cast<std::size_t>(j)] == value) ++j;
    largest = std::max(largest, std::abs(i * m - j * n));
  }
  return largest;
}

/// The share of the paths to (n, m) that touch |i m - j n| >= gap. Row i holds P(i, .).
double share_outside(std::int64_t n, std::int64_t m, std::int64_t gap) {
  const auto is_outside = [&](std::int64_t i, std::int64_t j) { return std::abs(i * m - j * n) >= gap; };
  std::vector<double> row(static_cast<std::size_t>(m) + 1);
  for (std::int64_t i = 0; i <= n; ++i) {
    for (std::int64_t j = 0; j <= m; ++j) {
      auto& here = row[static_cast<std::size_t>(j)];  // holds P(i - 1, j)
      if (is_outside(i, j)) here = 1;
      else if (i == 0 && j == 0) here = 0;
      else if (i == 0) here = row[static_cast<std::size_t>(j) - 1];
      else if (j > 0)
        here = (static_cast<double>(i) * here + static_cast<double>(j) * row[static_cast<std::size_t>(j) - 1]) /
               static_cast<double>(i + j);
    }
  }
  return row.back();
}

double asymptotic_share(double statistic, double n, double m) {
  const double root = std::sqrt(n * m / (n + m)), z = statistic * (root + 0.12 + 0.11 / root);
  double sum = 0, sign = 1;
  for (int k = 1; k <= 100; ++k, sign = -sign) {
    const double term = std::exp(-2.0 * k * k * z * z);
    sum += sign * term;
    if (term < 1e-18) break;
  }
  return std::clamp(2 * sum, 0.0, 1.0);
}

}  // namespace

KsTest two_sample_ks(std::span<const double> a, std::span<const double> b) {
  if (a.empty() || b.empty())
    return {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::quiet_NaN(), KsDistribution::exact};
  std::vector<double> first(a.begin(), a.end()), second(b.begin(), b.end());
  for (const auto* values : {&first, &second})
    UNPACT_EXPECT(std::ranges::none_of(*values, [](double value) { return std::isnan(value); }));
  std::ranges::sort(first);
  std::ranges::sort(second);
  const auto n = static_cast<std::int64_t>(first.size()), m = static_cast<std::int64_t>(second.size());
  const auto gap = largest_gap(first, second);
  KsTest test;
  test.statistic = static_cast<double>(gap) / (static_cast<double>(n) * static_cast<double>(m));
  if (std::max(first.size(), second.size()) > kMostExactKs) {
    test.distribution = KsDistribution::asymptotic;
    test.p = asymptotic_share(test.statistic, static_cast<double>(n), static_cast<double>(m));
  } else {
    test.p = gap == 0 ? 1 : share_outside(n, m, gap);
  }
  return test;
}

}  // namespace unpact
