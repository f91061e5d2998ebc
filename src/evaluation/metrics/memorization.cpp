#include "memorization.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace unpact {
namespace {

double share(std::size_t part, std::size_t whole) { return static_cast<double>(part) / static_cast<double>(whole); }

}  // namespace

double extraction_strength(std::span<const std::uint8_t> matches, NothingMatches rule) {
  if (matches.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::size_t suffix = 0;
  while (suffix < matches.size() && matches[matches.size() - 1 - suffix] != 0) ++suffix;
  if (suffix == 0 && rule == NothingMatches::open_unlearning) suffix = 1;
  return share(suffix, matches.size());
}

double exact_memorization(std::span<const std::uint8_t> matches) {
  if (matches.empty()) return std::numeric_limits<double>::quiet_NaN();
  return share(static_cast<std::size_t>(std::ranges::count_if(matches, [](auto flag) { return flag != 0; })),
               matches.size());
}

double mean_probability(std::span<const double> log_probabilities) {
  if (log_probabilities.empty()) return std::numeric_limits<double>::quiet_NaN();
  const double sum = std::accumulate(log_probabilities.begin(), log_probabilities.end(), 0.0);
  return std::exp(sum / static_cast<double>(log_probabilities.size()));
}

double probability_among(double right, std::span<const double> wrong) {
  return right / (right + std::accumulate(wrong.begin(), wrong.end(), 0.0) + 1e-10);
}

}  // namespace unpact
