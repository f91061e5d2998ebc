#pragma once
/// Independent pieces of work dealt over the ranks of a group, with every result on every rank afterwards.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "unpact/comm/communicator.hpp"

namespace unpact {

/// Runs compute(first, last) for chunks of `chunk` consecutive items of 0..count-1, chunk k on rank k mod size. It
/// returns one encoded result an item. What is computed together does not depend on the number of ranks, so neither do
/// the results. Collective over `group`. @return all results in order, the same on every rank.
/// An exception on one rank is rethrown on every rank as RuntimeFailure or UserError with its message.
std::vector<std::string> share_work(const Communicator& group, std::size_t count, std::size_t chunk,
                                    const std::function<std::vector<std::string>(std::size_t first, std::size_t last)>& compute);

/// The same for items of known, unequal cost, one after the other: rank r gets the consecutive items whose middles lie in
/// the r-th equal part of the total cost. compute(first, last) runs once on every rank and must not let an item's result
/// depend on the items beside it.
std::vector<std::string> share_by_cost(const Communicator& group, const std::vector<std::uint64_t>& costs,
                                       const std::function<std::vector<std::string>(std::size_t first, std::size_t last)>& compute);

/// Where each rank's items begin, and the end: ranks + 1 ascending numbers.
std::vector<std::size_t> cut_by_cost(const std::vector<std::uint64_t>& costs, std::size_t ranks);

/// The bytes of a vector of plain numbers, and back.
template <class T>
std::string to_bytes(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}
template <class T>
std::vector<T> from_bytes(const std::string& bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
  return values;
}

}  // namespace unpact
