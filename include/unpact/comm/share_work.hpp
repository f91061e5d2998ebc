#pragma once
/// Independent pieces of work dealt over the ranks of a group, with every result on every rank afterwards.
///
/// Results are of any type that core/codec.hpp can encode; on one rank nothing is encoded.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "unpact/comm/communicator.hpp"
#include "unpact/core/codec.hpp"

namespace unpact {

/// What compute(first, last) returns: std::vector<T>, one T an item.
template <class Compute>
using SharedResults = std::invoke_result_t<const Compute&, std::size_t, std::size_t>;

/// Runs this rank's part, tells every rank of a failure, and gives each rank the bytes of all, in rank order. Collective.
/// An exception on one rank is one on every rank (fail_together): a rank that failed throws its own, the others that of the
/// first that failed.
std::vector<std::string> run_everywhere(const Communicator& group, const std::function<std::string()>& run_own);

/// The results of every rank, in rank order; errors as in run_everywhere(), on one rank as they are. Collective.
template <class Results, class RunOwn>
std::vector<Results> results_of_ranks(const Communicator& group, const RunOwn& run_own) {
  std::vector<Results> by_rank(static_cast<std::size_t>(group.size()));
  auto& mine = by_rank[static_cast<std::size_t>(group.rank())];
  if (group.size() == 1) {
    mine = run_own();
    return by_rank;
  }
  const auto encoded = run_everywhere(group, [&] {
    mine = run_own();
    return encode(mine);
  });
  for (std::size_t r = 0; r < by_rank.size(); ++r)
    if (r != static_cast<std::size_t>(group.rank())) by_rank[r] = decode<Results>(encoded[r]);
  return by_rank;
}

/// Runs compute(first, last) for chunks of `chunk` consecutive items of 0..count-1, chunk k on rank k mod size. It
/// returns one result an item. What is computed together does not depend on the number of ranks, so neither do the
/// results. Collective over `group`. @return all results in order, the same on every rank.
/// An exception on one rank is rethrown on every rank as RuntimeFailure or UserError with its message.
template <class Compute>
SharedResults<Compute> share_work(const Communicator& group, std::size_t count, std::size_t chunk, const Compute& compute) {
  UNPACT_EXPECT(chunk > 0);
  auto by_rank = results_of_ranks<SharedResults<Compute>>(group, [&] {
    SharedResults<Compute> mine;
    for (auto k = static_cast<std::size_t>(group.rank()); k * chunk < count; k += static_cast<std::size_t>(group.size())) {
      const auto first = k * chunk, last = std::min(count, first + chunk);
      auto results = compute(first, last);
      UNPACT_ASSERT(results.size() == last - first);
      std::move(results.begin(), results.end(), std::back_inserter(mine));
    }
    return mine;
  });
  SharedResults<Compute> all;
  std::vector<std::size_t> next(by_rank.size(), 0);
  for (std::size_t i = 0; i < count; ++i) {
    const auto owner = (i / chunk) % by_rank.size();
    all.push_back(std::move(by_rank[owner].at(next[owner]++)));
  }
  return all;
}

/// Where each rank's items begin, and the end: ranks + 1 ascending numbers.
std::vector<std::size_t> cut_by_cost(const std::vector<std::uint64_t>& costs, std::size_t ranks);

/// share_work() for items of known, unequal cost, one after the other: rank r gets the consecutive items whose middles lie
/// in the r-th equal part of the total cost. compute(first, last) runs once on every rank that has items and must not let
/// an item's result depend on the items beside it.
template <class Compute>
SharedResults<Compute> share_by_cost(const Communicator& group, const std::vector<std::uint64_t>& costs,
                                     const Compute& compute) {
  const auto bounds = cut_by_cost(costs, static_cast<std::size_t>(group.size()));
  auto by_rank = results_of_ranks<SharedResults<Compute>>(group, [&] {
    const auto first = bounds[static_cast<std::size_t>(group.rank())],
               last = bounds[static_cast<std::size_t>(group.rank()) + 1];
    auto results = first == last ? SharedResults<Compute>() : compute(first, last);
    UNPACT_ASSERT(results.size() == last - first);
    return results;
  });
  SharedResults<Compute> all;
  for (auto& part : by_rank) std::move(part.begin(), part.end(), std::back_inserter(all));
  return all;
}

}  // namespace unpact
