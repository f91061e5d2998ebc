#include "quadrature.hpp"

#include <cmath>
#include <numbers>

#include "unpact/core/error.hpp"

namespace unpact {
namespace {

struct Legendre {
  double value, derivative;
};

/// P_n(x) and P_n'(x) by the three-term recurrence, |x| < 1.
Legendre legendre(std::int64_t degree, double x) {
  double before = 0, value = 1;
  for (std::int64_t k = 1; k <= degree; ++k) {
    const auto d = static_cast<double>(k);
    const double next = ((2 * d - 1) * x * value - (d - 1) * before) / d;
    before = value;
    value = next;
  }
  return {value, static_cast<double>(degree) * (x * value - before) / (x * x - 1)};
}

}  // namespace

Quadrature gauss_legendre(std::int64_t points) {
  UNPACT_EXPECT(points >= 1);
  Quadrature rule;
  const auto n = static_cast<double>(points);
  for (std::int64_t i = points; i >= 1; --i) {
    double x = std::cos(std::numbers::pi * (static_cast<double>(i) - 0.25) / (n + 0.5));
    for (int round = 0; round < 100; ++round) {
      const auto p = legendre(points, x);
      const double step = p.value / p.derivative;
      x -= step;
      if (std::abs(step) < 1e-15) break;
    }
    const double derivative = legendre(points, x).derivative;
    rule.points.push_back((1 + x) / 2);
    rule.weights.push_back(1 / ((1 - x * x) * derivative * derivative));
  }
  return rule;
}

}  // namespace unpact
