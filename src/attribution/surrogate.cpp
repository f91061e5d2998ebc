#include "surrogate.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "methods.hpp"
#include "noise_floor.hpp"
#include "passes.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/random.hpp"

namespace unpact {
namespace {

class Lime : public AttributionMethod {
 public:
  Lime(const AttributionSettings& settings, std::size_t token_budget, std::uint64_t seed)
      : settings_(settings), token_budget_(token_budget), seed_(seed) {}

  std::vector<std::vector<double>> equal_scores(const Transformer& model, const AttributionTask& task) const override {
    return scores_by_coalitions(model, task, token_budget_);
  }

 protected:
  Attribution attribute(const Transformer& model, const AttributionTask& task, std::uint64_t item) const override {
    CoalitionScorer scorer(model, task, token_budget_);
    const auto masks = random_masks(task.candidates(), settings_.samples, settings_.keep_probability, seed_, item);
    const auto scores = scorer.score(masks);
    const auto fit = settings_.surrogate == Surrogate::lasso
                         ? fit_lasso(masks, scores, settings_.penalty)
                         : fit_ridge(masks, scores, weights_of(masks), settings_.penalty);
    Attribution result;
    result.values = to_floats(fit.coefficients);
    result.surrogate_r2 = fit.r2;
    result.mean_log_probability = scorer.score(Coalition(task.candidates(), 1));
    result.work = scorer.work();
    return result;
  }

 private:
  static std::vector<double> weights_of(const std::vector<Coalition>& masks) {
    std::vector<double> weights;
    for (const auto& mask : masks) weights.push_back(lime_weight(mask));
    return weights;
  }

  AttributionSettings settings_;
  std::size_t token_budget_;
  std::uint64_t seed_;
};

/// Columns with mean 0 and (unless constant) standard deviation 1.
struct Standardized {
  std::vector<std::vector<double>> columns;  // n of N values
  std::vector<double> mean, deviation;

  explicit Standardized(const std::vector<Coalition>& masks) {
    const auto count = static_cast<double>(masks.size());
    for (std::size_t j = 0; j < masks.front().size(); ++j) {
      auto& column = columns.emplace_back();
      for (const auto& mask : masks) column.push_back(mask[j]);
      mean.push_back(std::accumulate(column.begin(), column.end(), 0.0) / count);
      deviation.push_back(std::sqrt(mean.back() * (1 - mean.back())));  // of values 0 and 1
      for (auto& value : column) value = deviation.back() > 0 ? (value - mean.back()) / deviation.back() : 0.0;
    }
  }
};

double soft_threshold(double value, double penalty) {
  return value > penalty ? value - penalty : value < -penalty ? value + penalty : 0.0;
}

/// Cyclic coordinate descent on standardized columns; residual holds y - mean(y) at first, then what is left of it.
std::vector<double> descend(const Standardized& x, std::vector<double>& residual, double penalty) {
  const auto count = static_cast<double>(residual.size());
  std::vector<double> b(x.columns.size(), 0);
  const double scale = std::sqrt(std::inner_product(residual.begin(), residual.end(), residual.begin(), 0.0) / count);
  constexpr int most_sweeps = 100000;
  for (int sweep = 0; sweep < most_sweeps; ++sweep) {
    double largest_change = 0;
    for (std::size_t j = 0; j < b.size(); ++j) {
      if (x.deviation[j] == 0) continue;
      const auto& column = x.columns[j];
      const double fit = std::inner_product(column.begin(), column.end(), residual.begin(), 0.0) / count + b[j];
      const double change = soft_threshold(fit, penalty) - b[j];
      if (change == 0) continue;
      b[j] += change;
      for (std::size_t i = 0; i < residual.size(); ++i) residual[i] -= change * column[i];
      largest_change = std::max(largest_change, std::abs(change));
    }
    if (largest_change <= 1e-10 * scale) return b;
  }
  throw RuntimeFailure("the LASSO surrogate does not settle", concat(most_sweeps, " sweeps of coordinate descent"),
                       "raise attribution.penalty or attribution.samples");
}

double explained(const std::vector<double>& scores, const std::vector<double>& residual,
                 const std::vector<double>& weights) {
  double total = 0, mean = 0, variance = 0, left = 0;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    total += weights[i];
    mean += weights[i] * scores[i];
  }
  mean /= total;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    variance += weights[i] * (scores[i] - mean) * (scores[i] - mean);
    left += weights[i] * residual[i] * residual[i];
  }
  return variance > 0 ? 1 - left / variance : 1.0;
}

}  // namespace

SurrogateFit fit_lasso(const std::vector<Coalition>& masks, const std::vector<double>& scores, double penalty) {
  UNPACT_EXPECT(!masks.empty() && masks.size() == scores.size() && penalty >= 0);
  const Standardized x(masks);
  const double mean = std::accumulate(scores.begin(), scores.end(), 0.0) / static_cast<double>(scores.size());
  auto residual = scores;
  for (auto& value : residual) value -= mean;
  SurrogateFit fit;
  fit.coefficients = descend(x, residual, penalty);
  fit.intercept = mean;
  for (std::size_t j = 0; j < fit.coefficients.size(); ++j) {
    if (x.deviation[j] > 0) fit.coefficients[j] /= x.deviation[j];
    fit.intercept -= fit.coefficients[j] * x.mean[j];
  }
  fit.r2 = explained(scores, residual, std::vector<double>(scores.size(), 1.0));
  return fit;
}

SurrogateFit fit_ridge(const std::vector<Coalition>& masks, const std::vector<double>& scores,
                       const std::vector<double>& weights, double penalty) {
  UNPACT_EXPECT(!masks.empty() && masks.size() == scores.size() && masks.size() == weights.size() && penalty > 0);
  const auto count = static_cast<std::int64_t>(masks.size()), candidates = static_cast<std::int64_t>(masks.front().size());
  auto x_Nn = at::empty({count, candidates}, at::kDouble);
  for (std::int64_t i = 0; i < count; ++i)
    std::copy(masks[static_cast<std::size_t>(i)].begin(), masks[static_cast<std::size_t>(i)].end(),
              x_Nn.data_ptr<double>() + i * candidates);
  const auto y_N = at::tensor(scores, at::kDouble), w_N1 = at::tensor(weights, at::kDouble).unsqueeze(1);
  const auto x_mean = (w_N1 * x_Nn).sum(0) / w_N1.sum(), y_mean = (w_N1.squeeze(1) * y_N).sum() / w_N1.sum();
  const auto centred_Nn = x_Nn - x_mean;
  const auto normal_nn = centred_Nn.t().matmul(w_N1 * centred_Nn) + penalty * at::eye(candidates, at::kDouble);
  const auto right_n = centred_Nn.t().matmul(w_N1.squeeze(1) * (y_N - y_mean));
  const auto b_n = at::linalg_solve(normal_nn, right_n);
  SurrogateFit fit;
  fit.coefficients = to_doubles(b_n);
  fit.intercept = (y_mean - x_mean.dot(b_n)).item<double>();
  fit.r2 = explained(scores, to_doubles(y_N - x_Nn.matmul(b_n) - fit.intercept), weights);
  return fit;
}

double lime_weight(const Coalition& mask) {
  const auto kept = static_cast<double>(std::count(mask.begin(), mask.end(), 1));
  const double distance = 1 - std::sqrt(kept / static_cast<double>(mask.size()));
  return std::exp(-0.5 * std::pow(distance / 0.25, 2));
}

std::vector<Coalition> random_masks(std::size_t candidates, std::int64_t count, double keep_probability, std::uint64_t seed,
                                    std::uint64_t item) {
  std::vector<Coalition> masks;
  for (std::int64_t m = 0; m < count; ++m) {
    const auto stream = random_bits(stream_of("lime"), item, static_cast<std::uint64_t>(m));
    auto& mask = masks.emplace_back(candidates, 0);
    for (std::size_t i = 0; i < candidates; ++i) mask[i] = random_uniform(seed, stream, i) < keep_probability;
  }
  return masks;
}

std::unique_ptr<AttributionMethod> make_lime(const AttributionSettings& settings, std::size_t token_budget,
                                             std::uint64_t seed) {
  return std::make_unique<Lime>(settings, token_budget, seed);
}

}  // namespace unpact
