#include "aggregates.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "unpact/core/error.hpp"

namespace unpact {

double harmonic_mean(std::span<const double> values) {
  double sum = 0;
  bool has_zero = false;
  for (const double value : values) {
    if (std::isnan(value)) return value;
    UNPACT_EXPECT(value >= 0);
    has_zero = has_zero || value == 0;
    sum += value == 0 ? 0 : 1 / value;
  }
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  return has_zero ? 0 : static_cast<double>(values.size()) / sum;
}

double model_utility(std::span<const double> nine) {
  UNPACT_EXPECT(nine.size() == 9);
  return harmonic_mean(nine);
}

double memorization_aggregate(double extraction_strength, double exact_memorization, double paraphrased_probability,
                              double truth_score) {
  return harmonic_mean(
      std::array{1 - extraction_strength, 1 - exact_memorization, 1 - paraphrased_probability, 1 - truth_score});
}

double privacy_aggregate(std::span<const double> closeness) { return harmonic_mean(closeness); }

double utility_aggregate(double model_utility, double fluency) { return harmonic_mean(std::array{model_utility, fluency}); }

}  // namespace unpact
