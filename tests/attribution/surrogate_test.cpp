#include "../../src/attribution/surrogate.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "support/tiny_language_model.hpp"
#include "unpact/attribution/method.hpp"
#include "unpact/core/random.hpp"

namespace unpact {
namespace {

using testing_support::random_ids;
using testing_support::tiny_transformer;

std::vector<double> linear_scores(const std::vector<Coalition>& masks, const std::vector<double>& terms, double intercept) {
  std::vector<double> scores;
  for (const auto& mask : masks) scores.push_back(std::inner_product(terms.begin(), terms.end(), mask.begin(), intercept));
  return scores;
}

std::vector<double> noisy(std::vector<double> scores, double noise) {
  for (std::size_t i = 0; i < scores.size(); ++i) scores[i] += noise * random_normal(3, 4, i);
  return scores;
}

TEST(Lasso, FindsALinearGameWhenThePenaltyIsSmall) {
  const std::vector<double> terms = {1.5, -0.7, 0, 0.2, 0};
  const auto masks = random_masks(5, 64, 0.5, 1, 0);
  const auto fit = fit_lasso(masks, linear_scores(masks, terms, -3), 1e-7);
  for (std::size_t j = 0; j < terms.size(); ++j) EXPECT_NEAR(fit.coefficients[j], terms[j], 1e-5);
  EXPECT_NEAR(fit.intercept, -3, 1e-5);
  EXPECT_NEAR(fit.r2, 1, 1e-9);
}

/// The design of all 2^n masks is orthogonal: each standardized coefficient is shrunk by the penalty, by itself.
TEST(Lasso, OfAnOrthogonalDesignIsSoftThresholding) {
  std::vector<Coalition> masks;
  for (int code = 0; code < 16; ++code)
    masks.push_back({static_cast<std::uint8_t>(code & 1), static_cast<std::uint8_t>(code >> 1 & 1),
                     static_cast<std::uint8_t>(code >> 2 & 1), static_cast<std::uint8_t>(code >> 3 & 1)});
  const std::vector<double> terms = {2, -1, 0.3, 0.1};
  const double penalty = 0.1;  // a column's deviation is 1/2: the floor of a coefficient is 0.2
  const auto fit = fit_lasso(masks, linear_scores(masks, terms, 1), penalty);
  EXPECT_NEAR(fit.coefficients[0], 1.8, 1e-9);
  EXPECT_NEAR(fit.coefficients[1], -0.8, 1e-9);
  EXPECT_NEAR(fit.coefficients[2], 0.1, 1e-9);
  EXPECT_EQ(fit.coefficients[3], 0.0);
}

/// The conditions under which a point is the minimum (Karush, Kuhn, Tucker): |z_j . r| / N = penalty with the sign of b_j
/// where b_j is not 0, and at most the penalty where it is.
TEST(Lasso, MeetsTheConditionsOfTheMinimum) {
  for (const std::size_t candidates : {6, 30, 100}) {  // the last with more candidates than masks
    const auto masks = random_masks(candidates, 64, 0.5, 2, candidates);
    std::vector<double> terms(candidates, 0);
    for (std::size_t j = 0; j < candidates; j += 3) terms[j] = random_normal(9, 1, j);
    const auto scores = noisy(linear_scores(masks, terms, 0.5), 0.3);
    for (const double penalty : {0.5, 0.05, 0.01}) {
      const auto fit = fit_lasso(masks, scores, penalty);
      std::size_t chosen = 0;
      for (std::size_t j = 0; j < candidates; ++j) {
        double mean = 0, product = 0;
        for (const auto& mask : masks) mean += mask[j] / 64.0;
        const double deviation = std::sqrt(mean * (1 - mean));
        for (std::size_t i = 0; i < masks.size(); ++i) {
          const double residual = scores[i] - fit.intercept -
                                  std::inner_product(masks[i].begin(), masks[i].end(), fit.coefficients.begin(), 0.0);
          product += (masks[i][j] - mean) / deviation * residual / 64.0;
        }
        if (fit.coefficients[j] != 0) {
          EXPECT_NEAR(product, std::copysign(penalty, fit.coefficients[j]), 1e-6)
              << candidates << " " << penalty << " " << j;
        } else {
          EXPECT_LE(std::abs(product), penalty + 1e-6) << candidates << " " << penalty << " " << j;
        }
        chosen += fit.coefficients[j] != 0;
      }
      if (penalty < 0.5) {
        EXPECT_GT(chosen, 0U);
      }
      EXPECT_LE(chosen, 64U);
    }
  }
}

/// Expected values by scikit-learn 1.9.1: StandardScaler and Lasso(tol=1e-14), coefficients divided by the scale, as
/// ContextCite does; Ridge(solver="cholesky") with sample weights.
class ScikitLearn : public testing::Test {
 protected:
  const std::vector<Coalition> masks = {{1, 0, 1, 1, 0}, {0, 1, 1, 0, 1}, {1, 1, 0, 0, 1}, {0, 0, 1, 0, 1},
                                        {1, 1, 1, 1, 0}, {0, 1, 0, 1, 1}, {1, 0, 0, 0, 0}, {0, 0, 0, 1, 1}};
  const std::vector<double> scores = {-1.25, -3.5, -0.75, -4.0, 0.5, -2.25, -2.0, -3.0};

  static void expect_fit(const SurrogateFit& fit, const std::vector<double>& coefficients, double intercept, double r2) {
    for (std::size_t j = 0; j < coefficients.size(); ++j) EXPECT_NEAR(fit.coefficients[j], coefficients[j], 1e-8) << j;
    EXPECT_NEAR(fit.intercept, intercept, 1e-8);
    EXPECT_NEAR(fit.r2, r2, 1e-8);
  }
};

TEST_F(ScikitLearn, FindsTheSameLasso) {
  expect_fit(fit_lasso(masks, scores, 0.01),
             {2.3625403330757675, 1.0191532223080775, -0.019153222308077703, 1.0658467776919225, 0.09338711076771246},
             -4.303810499613665, 0.9713069632986862);
  expect_fit(fit_lasso(masks, scores, 0.2), {1.9125, 0.6625, 0, 0.6625, 0}, -3.65, 0.9088789237668161);
}

TEST_F(ScikitLearn, FindsTheSameRidge) {
  expect_fit(fit_ridge(masks, scores, {1, 0.5, 0.25, 2, 1, 0.75, 0.3, 0.9}, 0.5),
             {1.2354297521973103, 0.9335184489446028, -0.09164148776861214, 0.7608688175001713, -0.8017697546314193},
             -2.98449844164228, 0.9480604917265144);
}

TEST(Lasso, LeavesConstantCandidatesAndConstantScoresAlone) {
  const std::vector<Coalition> masks = {{1, 0, 1}, {1, 0, 0}, {1, 0, 1}, {1, 0, 0}};
  const auto fit = fit_lasso(masks, {1, 2, 1, 2}, 0.01);
  EXPECT_EQ(fit.coefficients[0], 0.0);
  EXPECT_EQ(fit.coefficients[1], 0.0);
  EXPECT_NEAR(fit.coefficients[2], -0.98, 1e-9);  // deviation 1/2: -1 shrunk by 0.02
  const auto flat = fit_lasso(masks, {3, 3, 3, 3}, 0.01);
  EXPECT_EQ(flat.coefficients, std::vector<double>(3, 0.0));
  EXPECT_EQ(flat.intercept, 3.0);
  EXPECT_EQ(flat.r2, 1.0);
}

TEST(Ridge, MeetsTheConditionsOfTheMinimum) {
  const auto masks = random_masks(9, 40, 0.5, 2, 1);
  const auto scores = noisy(linear_scores(masks, {1, 2, 3, 0, -1, -2, 0, 0.5, 0}, 4), 0.2);
  std::vector<double> weights;
  for (const auto& mask : masks) weights.push_back(lime_weight(mask));
  const auto fit = fit_ridge(masks, scores, weights, 0.3);
  std::vector<double> slope(10, 0);  // of the objective / 2, by every coefficient and the intercept
  for (std::size_t i = 0; i < masks.size(); ++i) {
    const double residual =
        scores[i] - fit.intercept - std::inner_product(masks[i].begin(), masks[i].end(), fit.coefficients.begin(), 0.0);
    for (std::size_t j = 0; j < 9; ++j) slope[j] -= weights[i] * masks[i][j] * residual;
    slope[9] -= weights[i] * residual;
  }
  for (std::size_t j = 0; j < 9; ++j) EXPECT_NEAR(slope[j] + 0.3 * fit.coefficients[j], 0, 1e-10);
  EXPECT_NEAR(slope[9], 0, 1e-10);
  EXPECT_GT(fit.r2, 0.9);
  EXPECT_LT(fit.r2, 1.0);
}

TEST(LimeWeight, FallsWithWhatIsMissing) {
  EXPECT_DOUBLE_EQ(lime_weight({1, 1, 1, 1}), 1.0);
  EXPECT_DOUBLE_EQ(lime_weight({1, 0, 0, 0}), std::sqrt(std::exp(-4.0)));  // cosine 1/2
  EXPECT_DOUBLE_EQ(lime_weight({0, 0}), std::sqrt(std::exp(-16.0)));
}

TEST(RandomMasks, KeepTheShareAndDependOnSeedAndItemAlone) {
  const auto masks = random_masks(50, 200, 0.3, 1, 4);
  double kept = 0;
  for (const auto& mask : masks) kept += std::accumulate(mask.begin(), mask.end(), 0.0);
  EXPECT_NEAR(kept / 10000, 0.3, 0.02);  // four standard deviations
  EXPECT_EQ(masks, random_masks(50, 200, 0.3, 1, 4));
  EXPECT_NE(masks, random_masks(50, 200, 0.3, 1, 5));
  EXPECT_NE(masks, random_masks(50, 200, 0.3, 2, 4));
}

Attribution lime(const Transformer& model, const AttributionTask& task, Surrogate surrogate) {
  AttributionSettings settings;
  settings.surrogate = surrogate;
  settings.samples = 400;
  settings.penalty = 1e-6;
  return make_attribution_method("lime", settings, 1, testing_support::ByteTokenizer())->run(model, task, 0);
}

TEST(LimeMethod, IsTheFitOfItsMasks) {
  const auto model = tiny_transformer(2);
  const AttributionTask task{random_ids(9, 3), 3, 7, random_ids(2, 9)};
  const auto masks = random_masks(4, 400, 0.5, 1, 0);
  CoalitionScorer scorer(model, task, 4096);
  const auto scores = scorer.score(masks);
  std::vector<double> weights;
  for (const auto& mask : masks) weights.push_back(lime_weight(mask));
  const auto lasso = fit_lasso(masks, scores, 1e-6), ridge = fit_ridge(masks, scores, weights, 1e-6);
  const auto by_lasso = lime(model, task, Surrogate::lasso), by_ridge = lime(model, task, Surrogate::ridge);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_FLOAT_EQ(by_lasso.values[i], static_cast<float>(lasso.coefficients[i]));
    EXPECT_FLOAT_EQ(by_ridge.values[i], static_cast<float>(ridge.coefficients[i]));
  }
  EXPECT_DOUBLE_EQ(by_lasso.surrogate_r2, lasso.r2);
  EXPECT_GT(by_lasso.surrogate_r2, 0.3);
  EXPECT_LT(by_lasso.surrogate_r2, 1.0);
}

}  // namespace
}  // namespace unpact
