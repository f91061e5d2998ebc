#include "membership.hpp"

#include <zlib.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "unpact/core/error.hpp"

namespace unpact {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

double mean_of(std::span<const double> values) {
  if (values.empty()) return kNan;
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

/// Minus the mean of the floor(k n) smallest, at least of one.
double smallest_share(std::vector<double> values, double k) {
  UNPACT_EXPECT(k > 0 && k <= 1);
  if (values.empty()) return kNan;
  std::ranges::sort(values);
  const auto kept = std::max<std::size_t>(1, static_cast<std::size_t>(k * static_cast<double>(values.size())));
  return -mean_of(std::span(values).first(kept));
}

/// For each of `of` the share of `others` below it, equal ones by half. `sorted` is `others` in order.
std::vector<double> placements(std::span<const double> of, const std::vector<double>& sorted) {
  std::vector<double> shares;
  for (const double value : of) {
    const auto [first, last] = std::equal_range(sorted.begin(), sorted.end(), value);
    const double below = static_cast<double>(first - sorted.begin()), equal = static_cast<double>(last - first);
    shares.push_back((below + equal / 2) / static_cast<double>(sorted.size()));
  }
  return shares;
}

std::vector<double> sorted_copy(std::span<const double> values) {
  std::vector<double> sorted(values.begin(), values.end());
  std::ranges::sort(sorted);
  return sorted;
}

double variance_of(const std::vector<double>& values) {
  const double mean = mean_of(values);
  double sum = 0;
  for (const double value : values) sum += (value - mean) * (value - mean);
  return sum / static_cast<double>(values.size() - 1);
}

}  // namespace

double loss_score(std::span<const double> log_probabilities) { return -mean_of(log_probabilities); }

double zlib_score(double loss, std::string_view text) {
  auto size = compressBound(static_cast<uLong>(text.size()));
  std::vector<Bytef> compressed(size);
  const auto* bytes = reinterpret_cast<const Bytef*>(text.data());
  constexpr int kLevel = 6;
  UNPACT_ASSERT(compress2(compressed.data(), &size, bytes, static_cast<uLong>(text.size()), kLevel) == Z_OK);
  return loss / static_cast<double>(size);
}

double min_k_score(std::span<const double> log_probabilities, double k) {
  return smallest_share({log_probabilities.begin(), log_probabilities.end()}, k);
}

double min_k_plus_plus_score(const TokenScores& scores, double k, ClampVariance clamp) {
  const auto n = scores.log_probability.size();
  UNPACT_EXPECT(scores.mean.size() == n && scores.variance.size() == n);
  std::vector<double> standardized;
  for (std::size_t t = 0; t < n; ++t) {
    const double variance = clamp == ClampVariance::yes ? std::max(scores.variance[t], 1e-6) : scores.variance[t];
    standardized.push_back((scores.log_probability[t] - scores.mean[t]) / std::sqrt(variance));
  }
  return smallest_share(std::move(standardized), k);
}

double gradient_norm_score(std::span<const double> norms) { return mean_of(norms); }

double auc(std::span<const double> a, std::span<const double> b) {
  if (a.empty() || b.empty()) return kNan;
  return mean_of(placements(b, sorted_copy(a)));
}

double auc_standard_error(std::span<const double> a, std::span<const double> b) {
  if (a.size() < 2 || b.size() < 2) return kNan;
  const auto of_b = placements(b, sorted_copy(a)), of_a = placements(a, sorted_copy(b));
  return std::sqrt(variance_of(of_a) / static_cast<double>(a.size()) + variance_of(of_b) / static_cast<double>(b.size()));
}

double privleak(double auc_of_muse, double retrained_auc_of_muse) {
  return 100 * (auc_of_muse - retrained_auc_of_muse) / retrained_auc_of_muse;
}

double privleak_open_unlearning(double auc_of_muse, double retrained_auc_of_muse) {
  return 100 * (auc_of_muse - retrained_auc_of_muse) / (retrained_auc_of_muse + 1e-10);
}

double privacy_closeness(double auc, double retrained_auc) {
  return std::clamp(1 - std::abs(auc - retrained_auc) / retrained_auc, 0.0, 1.0);
}

}  // namespace unpact
