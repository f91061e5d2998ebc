#include "unpact/evaluation/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "unpact/core/error.hpp"

namespace unpact {

Rate wilson_rate(std::uint64_t count, std::uint64_t total, double z) {
  UNPACT_EXPECT(count <= total);
  UNPACT_EXPECT(std::isfinite(z) && z >= 0);
  if (total == 0) return {"", 0, 0, std::numeric_limits<double>::quiet_NaN(), 0, 1};
  const double n = static_cast<double>(total);
  const double p = static_cast<double>(count) / n;
  const double spread = z * z / n;
  const double centre = (p + spread / 2) / (1 + spread);
  const double half_width = z * std::sqrt(p * (1 - p) / n + spread / (4 * n)) / (1 + spread);
  // At the ends the roots are exactly 0 and 1; rounding would leave a trace of the subtraction.
  const double low = count == 0 ? 0.0 : std::clamp(centre - half_width, 0.0, p);
  const double high = count == total ? 1.0 : std::clamp(centre + half_width, p, 1.0);
  return {"", count, total, p, low, high};
}

double mean_ignoring_nan(std::span<const double> values) {
  double sum = 0;
  std::size_t valid = 0;
  for (const double value : values) {
    if (std::isnan(value)) continue;
    sum += value;
    ++valid;
  }
  return valid == 0 ? std::numeric_limits<double>::quiet_NaN() : sum / static_cast<double>(valid);
}

}  // namespace unpact
