#include "sampling.hpp"

#include <cmath>

#include "unpact/core/error.hpp"

namespace unpact {
namespace {

double at_most(std::uint64_t n, std::uint64_t c, double p) {
  const double log_p = std::log(p), log_q = std::log1p(-p);
  double sum = 0, log_choose = 0;
  for (std::uint64_t i = 0; i <= c; ++i) {
    if (i > 0) log_choose += std::log(static_cast<double>(n - i + 1)) - std::log(static_cast<double>(i));
    sum += std::exp(log_choose + static_cast<double>(i) * log_p + static_cast<double>(n - i) * log_q);
  }
  return sum;
}

}  // namespace

double leak_at_k(std::uint64_t n, std::uint64_t c, std::uint64_t k) {
  UNPACT_EXPECT(c <= n && k > 0);
  if (k > n) return 0;
  if (n - c < k) return 1;
  double none = 1;
  for (auto i = n - c + 1; i <= n; ++i) none *= 1 - static_cast<double>(k) / static_cast<double>(i);
  return 1 - none;
}

double clopper_pearson_upper(std::uint64_t n, std::uint64_t c, double alpha) {
  UNPACT_EXPECT(n > 0 && c <= n && alpha > 0 && alpha < 1);
  if (c == n) return 1;
  double low = 0, high = 1;
  for (int step = 0; step < 200 && high - low > 1e-16 * high; ++step) {
    const double middle = (low + high) / 2;
    (at_most(n, c, middle) > alpha ? low : high) = middle;
  }
  return (low + high) / 2;
}

}  // namespace unpact
