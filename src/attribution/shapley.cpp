#include "shapley.hpp"

#include <cmath>
#include <limits>

#include "methods.hpp"
#include "noise_floor.hpp"
#include "passes.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/random.hpp"

namespace unpact {
namespace {

class Shapley : public AttributionMethod {
 public:
  Shapley(std::int64_t permutations, std::size_t token_budget, std::uint64_t seed)
      : permutations_(permutations), token_budget_(token_budget), seed_(seed) {}

  std::vector<std::vector<double>> equal_scores(const Transformer& model, const AttributionTask& task) const override {
    return scores_by_coalitions(model, task, token_budget_);
  }

 protected:
  Attribution attribute(const Transformer& model, const AttributionTask& task, std::uint64_t item) const override {
    CoalitionScorer scorer(model, task, token_budget_);
    const auto orders = antithetic_orders(static_cast<std::int64_t>(task.candidates()), permutations_, seed_, item);
    const auto estimate = shapley_of_orders(orders, 2, [&](const auto& coalitions) { return scorer.score(coalitions); });
    Attribution result;
    result.values = to_floats(estimate.values);
    result.standard_errors = to_floats(estimate.standard_errors);
    result.mean_log_probability = scorer.score(Coalition(task.candidates(), 1));
    result.work = scorer.work();
    return result;
  }

 private:
  std::int64_t permutations_;
  std::size_t token_budget_;
  std::uint64_t seed_;
};

/// The coalitions that an order goes through, from nobody to everybody.
std::vector<Coalition> growth(const PlayerOrder& order) {
  std::vector<Coalition> coalitions = {Coalition(order.size(), 0)};
  for (const auto player : order) {
    coalitions.push_back(coalitions.back());
    coalitions.back()[static_cast<std::size_t>(player)] = 1;
  }
  return coalitions;
}

}  // namespace

ShapleyEstimate shapley_of_orders(const std::vector<PlayerOrder>& orders, std::size_t group, const Game& game) {
  UNPACT_EXPECT(!orders.empty() && group > 0 && orders.size() % group == 0);
  const auto players = orders.front().size();
  std::vector<Coalition> coalitions;
  for (const auto& order : orders) {
    UNPACT_EXPECT(order.size() == players);
    for (auto& coalition : growth(order)) coalitions.push_back(std::move(coalition));
  }
  const auto worth = game(coalitions);
  UNPACT_EXPECT(worth.size() == coalitions.size());
  std::vector<double> sum(players, 0), squares(players, 0);
  const auto groups = orders.size() / group;
  for (std::size_t g = 0; g < groups; ++g) {
    std::vector<double> mean(players, 0);
    for (std::size_t o = g * group; o < (g + 1) * group; ++o)
      for (std::size_t k = 0; k < players; ++k) {
        const auto at = o * (players + 1) + k;
        mean[static_cast<std::size_t>(orders[o][k])] += (worth[at + 1] - worth[at]) / static_cast<double>(group);
      }
    for (std::size_t i = 0; i < players; ++i) {
      sum[i] += mean[i];
      squares[i] += mean[i] * mean[i];
    }
  }
  ShapleyEstimate estimate;
  const auto count = static_cast<double>(groups);
  for (std::size_t i = 0; i < players; ++i) {
    estimate.values.push_back(sum[i] / count);
    const double variance = std::max(0.0, (squares[i] - sum[i] * sum[i] / count) / (count - 1));
    estimate.standard_errors.push_back(groups < 2 ? std::numeric_limits<double>::quiet_NaN() : std::sqrt(variance / count));
  }
  return estimate;
}

std::vector<PlayerOrder> antithetic_orders(std::int64_t players, std::int64_t count, std::uint64_t seed,
                                           std::uint64_t item) {
  UNPACT_EXPECT(players > 0 && count > 0 && count % 2 == 0);
  std::vector<PlayerOrder> orders;
  for (std::int64_t pair = 0; pair < count / 2; ++pair) {
    const auto stream = random_bits(stream_of("shapley"), item, static_cast<std::uint64_t>(pair));
    orders.push_back(random_permutation(players, seed, stream));
    orders.emplace_back(orders.back().rbegin(), orders.back().rend());
  }
  return orders;
}

std::unique_ptr<AttributionMethod> make_shapley(std::int64_t permutations, std::size_t token_budget, std::uint64_t seed) {
  return std::make_unique<Shapley>(permutations, token_budget, seed);
}

}  // namespace unpact
