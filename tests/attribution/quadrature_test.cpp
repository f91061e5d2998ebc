#include "../../src/attribution/quadrature.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace unpact {
namespace {

TEST(GaussLegendre, IntegratesPolynomialsExactly) {
  for (const std::int64_t points : {1, 2, 3, 5, 20, 50}) {
    const auto rule = gauss_legendre(points);
    ASSERT_EQ(rule.points.size(), static_cast<std::size_t>(points));
    for (std::int64_t degree = 0; degree < 2 * points; ++degree) {
      double sum = 0;
      for (std::size_t i = 0; i < rule.points.size(); ++i)
        sum += rule.weights[i] * std::pow(rule.points[i], static_cast<double>(degree));
      EXPECT_NEAR(sum, 1.0 / static_cast<double>(degree + 1), 1e-13) << points << " points, degree " << degree;
    }
  }
}

TEST(GaussLegendre, ThreePointsAreTheTextbooks) {
  const auto rule = gauss_legendre(3);
  EXPECT_NEAR(rule.points[0], 0.5 - std::sqrt(0.6) / 2, 1e-15);
  EXPECT_NEAR(rule.points[1], 0.5, 1e-15);
  EXPECT_NEAR(rule.points[2], 0.5 + std::sqrt(0.6) / 2, 1e-15);
  EXPECT_NEAR(rule.weights[0], 5.0 / 18, 1e-15);
  EXPECT_NEAR(rule.weights[1], 8.0 / 18, 1e-15);
}

}  // namespace
}  // namespace unpact
