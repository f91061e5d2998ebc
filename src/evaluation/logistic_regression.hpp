#pragma once
/// Binary logistic regression on sparse rows.
#include <cstdint>
#include <utility>
#include <vector>

namespace unpact {

/// Column and value, columns ascending.
using SparseRow = std::vector<std::pair<std::uint32_t, double>>;

struct LogisticModel {
  std::vector<double> weights;
  double intercept = 0;

  double probability(const SparseRow& row) const;
};

/// Minimizes |w|^2 / 2 + c sum_i log(1 + exp(-y_i (w x_i + b))), y_i = +1 where is_positive[i], else -1; the intercept b is not
/// penalized (scikit-learn's LogisticRegression). Newton's method with conjugate gradients, in one thread and a fixed order, until no
/// derivative exceeds 1e-9 (c = 1): any number of ranks gets the same numbers. @pre both classes occur.
LogisticModel fit_logistic(const std::vector<SparseRow>& rows, const std::vector<std::uint8_t>& is_positive,
                           std::size_t columns, double c);

}  // namespace unpact
