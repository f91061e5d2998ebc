#pragma once
/// Gauss-Legendre quadrature on [0, 1]: exact for polynomials of degree 2 * points - 1.
#include <cstdint>
#include <vector>

namespace unpact {

struct Quadrature {
  std::vector<double> points, weights;  ///< points ascending in (0, 1), weights sum to 1
};

/// The zeros of the Legendre polynomial by Newton's method (Press et al., Numerical Recipes, section 4.6), moved from
/// [-1, 1] to [0, 1]. @param points at least 1.
Quadrature gauss_legendre(std::int64_t points);

}  // namespace unpact
