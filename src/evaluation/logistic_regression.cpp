#include "logistic_regression.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "unpact/core/error.hpp"

namespace unpact {
namespace {

using Vector = std::vector<double>;

double dot(const Vector& a, const Vector& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

double sigmoid(double z) { return 1 / (1 + std::exp(-z)); }

/// log(1 + exp(z)) without overflow.
double softplus(double z) { return std::max(z, 0.0) + std::log1p(std::exp(-std::abs(z))); }

/// The problem; the last entry of a vector of parameters is the intercept.
class Problem {
 public:
  Problem(const std::vector<SparseRow>& rows, const std::vector<std::uint8_t>& is_positive, std::size_t columns, double c)
      : rows_(rows), is_positive_(is_positive), columns_(columns), c_(c) {}

  std::size_t size() const { return columns_ + 1; }

  /// w x_i + b of every row.
  Vector times(const Vector& at) const {
    Vector z(rows_.size(), at[columns_]);
    for (std::size_t i = 0; i < rows_.size(); ++i)
      for (const auto& [column, value] : rows_[i]) z[i] += at[column] * value;
    return z;
  }

  double objective(const Vector& at) const {
    const auto z = times(at);
    double sum = (dot(at, at) - at[columns_] * at[columns_]) / 2;
    for (std::size_t i = 0; i < z.size(); ++i) sum += c_ * softplus(is_positive_[i] != 0 ? -z[i] : z[i]);
    return sum;
  }

  /// The gradient at a point, and what the Hessian there needs: p (1 - p) of every row.
  Vector gradient(const Vector& at, Vector& curvature) const {
    auto z = times(at);
    curvature.resize(z.size());
    for (std::size_t i = 0; i < z.size(); ++i) {
      const double p = sigmoid(z[i]);
      curvature[i] = p * (1 - p);
      z[i] = p - (is_positive_[i] != 0 ? 1 : 0);
    }
    return penalized(at, z);
  }

  Vector hessian_times(const Vector& direction, const Vector& curvature) const {
    auto z = times(direction);
    for (std::size_t i = 0; i < z.size(); ++i) z[i] *= curvature[i];
    return penalized(direction, z);
  }

 private:
  /// (w + c X' r, c sum r)
  Vector penalized(const Vector& at, const Vector& residuals) const {
    auto sum = at;
    sum[columns_] = 0;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      for (const auto& [column, value] : rows_[i]) sum[column] += c_ * residuals[i] * value;
      sum[columns_] += c_ * residuals[i];
    }
    return sum;
  }

  const std::vector<SparseRow>& rows_;
  const std::vector<std::uint8_t>& is_positive_;
  std::size_t columns_;
  double c_;
};

/// The Newton step H d = -g by conjugate gradients.
Vector newton_step(const Problem& problem, const Vector& gradient, const Vector& curvature) {
  constexpr double kRelative = 1e-6;
  constexpr int kMost = 500;
  Vector step(gradient.size(), 0), residual = gradient;
  for (auto& value : residual) value = -value;
  auto direction = residual;
  double norm = dot(residual, residual);
  const double enough = norm * kRelative * kRelative;
  for (int i = 0; i < kMost && norm > enough; ++i) {
    const auto product = problem.hessian_times(direction, curvature);
    const double alpha = norm / dot(direction, product);
    for (std::size_t j = 0; j < step.size(); ++j) {
      step[j] += alpha * direction[j];
      residual[j] -= alpha * product[j];
    }
    const double next = dot(residual, residual), beta = next / norm;
    for (std::size_t j = 0; j < step.size(); ++j) direction[j] = residual[j] + beta * direction[j];
    norm = next;
  }
  return step;
}

double largest(const Vector& values) {
  double most = 0;
  for (const auto value : values) most = std::max(most, std::abs(value));
  return most;
}

}  // namespace

double LogisticModel::probability(const SparseRow& row) const {
  double z = intercept;
  for (const auto& [column, value] : row) z += weights[column] * value;
  return sigmoid(z);
}

LogisticModel fit_logistic(const std::vector<SparseRow>& rows, const std::vector<std::uint8_t>& is_positive,
                           std::size_t columns, double c) {
  UNPACT_EXPECT(rows.size() == is_positive.size());
  const auto positives = static_cast<std::size_t>(std::ranges::count(is_positive, 1));
  UNPACT_EXPECT(positives > 0 && positives < rows.size());
  constexpr double kFlat = 1e-9, kShare = 1e-4;
  constexpr int kSteps = 100, kHalvings = 30;
  const Problem problem(rows, is_positive, columns, c);
  Vector at(problem.size(), 0), curvature;
  for (int i = 0; i < kSteps; ++i) {
    const auto gradient = problem.gradient(at, curvature);
    if (largest(gradient) <= kFlat * std::max(c, 1.0)) break;
    const auto step = newton_step(problem, gradient, curvature);
    const double before = problem.objective(at), slope = dot(gradient, step);
    double length = 1;
    const auto moved = [&] {
      auto there = at;
      for (std::size_t j = 0; j < there.size(); ++j) there[j] += length * step[j];
      return there;
    };
    auto next = moved();
    for (int h = 0; h < kHalvings && problem.objective(next) > before + kShare * length * slope + 1e-12 * before; ++h) {
      length /= 2;
      next = moved();
    }
    at = std::move(next);
  }
  LogisticModel model{at, at.back()};
  model.weights.pop_back();
  return model;
}

}  // namespace unpact
