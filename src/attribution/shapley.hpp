#pragma once
/// Shapley values from orders of the players (Castro, Gomez & Tejada 2009, Computers & Operations Research 36), with
/// antithetic pairs of orders (Mitchell et al., arXiv 2104.12199).
#include <cstdint>
#include <functional>
#include <vector>

#include "unpact/attribution/coalitions.hpp"

namespace unpact {

/// Values of coalitions, in order.
using Game = std::function<std::vector<double>(const std::vector<Coalition>&)>;

using PlayerOrder = std::vector<std::int64_t>;  ///< a permutation of 0 .. n-1

struct ShapleyEstimate {
  std::vector<double> values;           ///< mean marginal contribution of each player
  std::vector<double> standard_errors;  ///< from the spread of the groups' means; NaN with a single group
};

/// A player's marginal contribution in an order is what the game gains when it joins those in front of it; the sum over
/// the players is exactly the game's gain from nobody to everybody. Neighbouring `group` orders count as one independent
/// sample. Over all n! orders the values are the Shapley values themselves.
ShapleyEstimate shapley_of_orders(const std::vector<PlayerOrder>& orders, std::size_t group, const Game& game);

/// `count` orders (even) of n players, each odd one the reverse of the one before it. Depends on seed and item alone.
std::vector<PlayerOrder> antithetic_orders(std::int64_t players, std::int64_t count, std::uint64_t seed, std::uint64_t item);

}  // namespace unpact
