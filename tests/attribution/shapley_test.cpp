#include "../../src/attribution/shapley.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "attribution/made_methods.hpp"
#include "core/temporary_folder.hpp"
#include "support/tiny_architectures.hpp"
#include "support/tiny_language_model.hpp"
#include "unpact/attribution/method.hpp"
#include "unpact/inference/scoring.hpp"

namespace unpact {
namespace {

using testing::HasSubstr;
using testing_support::kRounding;
using testing_support::message_of;
using testing_support::random_ids;
using testing_support::tiny_transformer;

/// Shapley's own formula over all subsets: sum over S without i of |S|! (n-|S|-1)! / n! (v(S u i) - v(S)).
std::vector<double> exact_shapley(std::size_t players, const Game& game) {
  std::vector<double> factorial = {1};
  for (std::size_t k = 1; k <= players; ++k) factorial.push_back(factorial.back() * static_cast<double>(k));
  std::vector<double> values(players, 0);
  for (std::size_t set = 0; set < (std::size_t{1} << players); ++set) {
    Coalition without(players, 0);
    std::size_t size = 0;
    for (std::size_t i = 0; i < players; ++i) size += without[i] = (set >> i) & 1;
    for (std::size_t i = 0; i < players; ++i) {
      if (without[i]) continue;
      auto with = without;
      with[i] = 1;
      const auto worth = game({without, with});
      values[i] += factorial[size] * factorial[players - size - 1] / factorial[players] * (worth[1] - worth[0]);
    }
  }
  return values;
}

std::vector<PlayerOrder> all_orders(std::int64_t players) {
  PlayerOrder order(static_cast<std::size_t>(players));
  std::iota(order.begin(), order.end(), 0);
  std::vector<PlayerOrder> orders;
  do orders.push_back(order);
  while (std::next_permutation(order.begin(), order.end()));
  return orders;
}

/// A game with interactions of all degrees, by made-up numbers.
std::vector<double> random_game(const std::vector<Coalition>& coalitions) {
  std::vector<double> worth;
  for (const auto& coalition : coalitions) {
    std::uint64_t code = 0;
    for (const auto flag : coalition) code = 2 * code + flag;
    worth.push_back(random_normal(5, 6, code));
  }
  return worth;
}

TEST(ShapleyOfOrders, OverAllOrdersAreTheShapleyValues) {
  for (const std::int64_t players : {1, 2, 3, 4, 5}) {
    const auto expected = exact_shapley(static_cast<std::size_t>(players), random_game);
    const auto actual = shapley_of_orders(all_orders(players), 1, random_game).values;
    for (std::size_t i = 0; i < expected.size(); ++i)
      EXPECT_NEAR(actual[i], expected[i], 1e-12) << players << " players, " << i;
  }
}

TEST(ShapleyOfOrders, OfAnAdditiveGameAreItsTermsWithoutError) {
  const std::vector<double> terms = {0.5, -2, 3, 0};
  const auto game = [&](const std::vector<Coalition>& coalitions) {
    std::vector<double> worth;
    for (const auto& coalition : coalitions)
      worth.push_back(std::inner_product(terms.begin(), terms.end(), coalition.begin(), 7.0));
    return worth;
  };
  const auto estimate = shapley_of_orders(antithetic_orders(4, 6, 1, 0), 2, game);
  for (std::size_t i = 0; i < terms.size(); ++i) {
    EXPECT_NEAR(estimate.values[i], terms[i], 1e-12);
    EXPECT_NEAR(estimate.standard_errors[i], 0, 1e-6);
  }
}

TEST(ShapleyOfOrders, PairsRemoveWhatPairsOfPlayersDo) {
  // In a game of single players and pairs each antithetic pair of orders is exact by itself.
  const auto game = [](const std::vector<Coalition>& coalitions) {
    std::vector<double> worth;
    for (const auto& c : coalitions)
      worth.push_back(2.0 * c[0] - c[1] + 3.0 * c[0] * c[1] - 4.0 * c[2] * c[3] + 0.5 * c[1] * c[3]);
    return worth;
  };
  const auto expected = exact_shapley(4, game);
  const auto estimate = shapley_of_orders(antithetic_orders(4, 2, 9, 1), 2, game);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(estimate.values[i], expected[i], 1e-12);
    EXPECT_TRUE(std::isnan(estimate.standard_errors[i]));  // one sample has no spread
  }
}

TEST(ShapleyOfOrders, StandardErrorsAreThoseOfTheMean) {
  // Two players, an order each way: the marginal contributions of player 0 are 1 and 4.
  const auto game = [](const std::vector<Coalition>& coalitions) {
    std::vector<double> worth;
    for (const auto& c : coalitions) worth.push_back(1.0 * c[0] + 2.0 * c[1] + 3.0 * c[0] * c[1]);
    return worth;
  };
  const auto estimate = shapley_of_orders({{0, 1}, {1, 0}}, 1, game);
  EXPECT_DOUBLE_EQ(estimate.values[0], 2.5);
  EXPECT_NEAR(estimate.standard_errors[0], 1.5, 1e-12);  // sqrt(((1-2.5)^2 + (4-2.5)^2) / 1 / 2)
}

TEST(ShapleyOfOrders, ErrorsCoverTheTruth) {
  const auto expected = exact_shapley(6, random_game);
  int inside = 0, all = 0;
  for (std::uint64_t item = 0; item < 200; ++item) {
    const auto estimate = shapley_of_orders(antithetic_orders(6, 40, 3, item), 2, random_game);
    for (std::size_t i = 0; i < 6; ++i, ++all)
      inside += std::abs(estimate.values[i] - expected[i]) < 2 * estimate.standard_errors[i];
  }
  // 2 standard errors of 20 samples cover about 94 %; seeds are fixed, so this is no matter of luck.
  EXPECT_GT(inside, 0.90 * all);
  EXPECT_LT(inside, 0.98 * all);
}

TEST(AntitheticOrders, DependOnSeedAndItemAlone) {
  const auto orders = antithetic_orders(7, 4, 1, 5);
  ASSERT_EQ(orders.size(), 4U);
  for (const std::size_t pair : {0, 2}) EXPECT_EQ(PlayerOrder(orders[pair].rbegin(), orders[pair].rend()), orders[pair + 1]);
  EXPECT_EQ(orders, antithetic_orders(7, 4, 1, 5));
  const auto longer = antithetic_orders(7, 8, 1, 5);
  EXPECT_TRUE(std::equal(orders.begin(), orders.end(), longer.begin()));
  EXPECT_NE(orders, antithetic_orders(7, 4, 2, 5));
  EXPECT_NE(orders, antithetic_orders(7, 4, 1, 6));
  EXPECT_NE(orders[0], orders[2]);
}

class CoalitionsOnArchitecture : public testing::TestWithParam<std::string> {};

TEST_P(CoalitionsOnArchitecture, AreShorterPrompts) {
  const auto model = testing_support::tiny_transformer_of(GetParam());
  const auto prompt = random_ids(16, 4);
  for (const auto& [begin, end] : std::vector<std::pair<std::size_t, std::size_t>>{{0, 5}, {1, 9}, {8, 16}, {6, 12}}) {
    const AttributionTask task{prompt, begin, end, random_ids(3, 9)};
    std::vector<Coalition> coalitions = {Coalition(end - begin, 0), Coalition(end - begin, 1)};
    for (std::uint64_t c = 0; c < 6; ++c) {
      auto& coalition = coalitions.emplace_back(end - begin, 0);
      for (std::size_t i = 0; i < coalition.size(); ++i) coalition[i] = random_below(2, 1, c, i) == 1;
    }
    coalitions.push_back(coalitions.front());
    for (const std::size_t budget : {1, 4096}) {
      CoalitionScorer scorer(model, task, budget);
      const auto scores = scorer.score(coalitions);
      for (std::size_t c = 0; c < coalitions.size(); ++c) {
        std::vector<TokenId> shorter(prompt.begin(), prompt.begin() + static_cast<std::ptrdiff_t>(begin));
        for (std::size_t i = begin; i < end; ++i)
          if (coalitions[c][i - begin]) shorter.push_back(prompt[i]);
        shorter.insert(shorter.end(), prompt.begin() + static_cast<std::ptrdiff_t>(end), prompt.end());
        EXPECT_NEAR(scores[c], mean_log_probability(score_answers(model, {{shorter, task.answer}}).front()), kRounding)
            << begin << " " << c;
      }
      const auto calls = scorer.work().model_calls;
      EXPECT_EQ(scorer.score(coalitions), scores);
      EXPECT_EQ(scorer.work().model_calls, calls) << "what is known is not run again";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, CoalitionsOnArchitecture, testing::ValuesIn(testing_support::tiny_architectures()),
                         [](const auto& test) { return test.param; });

std::unique_ptr<AttributionMethod> shapley(std::int64_t permutations, std::uint64_t seed = 1) {
  AttributionSettings settings;
  settings.permutations = permutations;
  return make_attribution_method("shapley", settings, seed, testing_support::ByteTokenizer());
}

TEST(Shapley, IsExactForThreeTokensOverManyOrders) {
  const auto model = tiny_transformer(2);
  const AttributionTask task{random_ids(8, 3), 3, 6, random_ids(2, 9)};
  CoalitionScorer scorer(model, task, 4096);
  const auto expected = exact_shapley(3, [&](const auto& coalitions) { return scorer.score(coalitions); });
  const auto result = shapley(2000)->run(model, task, 0);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_LE(std::abs(result.values[i] - expected[i]), 4 * result.standard_errors[i] + kRounding);
    EXPECT_LT(result.standard_errors[i], 0.05);
  }
  const double gain = scorer.score(Coalition(3, 1)) - scorer.score(Coalition(3, 0));
  EXPECT_NEAR(std::accumulate(result.values.begin(), result.values.end(), 0.0), gain, kRounding);
  EXPECT_NEAR(result.mean_log_probability, scorer.score(Coalition(3, 1)), kRounding);
}

TEST(Shapley, OfASingleCandidateIsItsContribution) {
  const auto model = tiny_transformer(2);
  const AttributionTask task{random_ids(8, 3), 3, 4, random_ids(2, 9)};
  const auto result = shapley(4)->run(model, task, 0);
  EXPECT_NEAR(result.values.at(0), ReferenceEngine().run(model, task).contributions().at(0), kRounding);
  EXPECT_NEAR(result.standard_errors.at(0), 0, 1e-6);
}

TEST(Shapley, DependsOnItemAndSeed) {
  const auto model = tiny_transformer(2);
  const AttributionTask task{random_ids(12, 3), 3, 10, random_ids(2, 9)};
  EXPECT_EQ(shapley(4)->run(model, task, 7).values, shapley(4)->run(model, task, 7).values);
  EXPECT_NE(shapley(4)->run(model, task, 7).values, shapley(4)->run(model, task, 8).values);
  EXPECT_NE(shapley(4)->run(model, task, 7).values, shapley(4, 2)->run(model, task, 7).values);
}

TEST(Shapley, NeedsAContext) {
  const AttributionTask task{random_ids(5, 3), 0, 5, {4}};
  EXPECT_THAT(message_of<UserError>([&] { shapley(4)->run(tiny_transformer(2), task, 0); }), HasSubstr("candidates alone"));
}

}  // namespace
}  // namespace unpact
