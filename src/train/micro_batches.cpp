#include "micro_batches.hpp"

#include <algorithm>

namespace unpact {

std::vector<MicroBatch> cut_into_micro_batches(const LossTerm& term, const std::vector<std::int64_t>& examples,
                                               const MicroBatchCut& cut) {
  const auto ranks = static_cast<std::size_t>(cut.ranks), size = static_cast<std::size_t>(cut.size);
  std::vector<std::int64_t> mine;
  for (std::size_t i = static_cast<std::size_t>(cut.rank); i < examples.size(); i += ranks) mine.push_back(examples[i]);
  std::stable_sort(mine.begin(), mine.end(), [&](auto a, auto b) { return term.length(a) > term.length(b); });
  std::vector<MicroBatch> batches;
  for (std::size_t begin = 0; begin < mine.size(); begin += size) {
    const auto first = mine.begin() + static_cast<std::ptrdiff_t>(begin);
    batches.push_back({{first, first + static_cast<std::ptrdiff_t>(std::min(size, mine.size() - begin))}, true});
  }
  if (!cut.equally_many) return batches;
  const auto most = (examples.size() + ranks - 1) / ranks;  // of rank 0
  const auto shortest =
      *std::min_element(examples.begin(), examples.end(), [&](auto a, auto b) { return term.length(a) < term.length(b); });
  while (batches.size() < (most + size - 1) / size) batches.push_back({{shortest}, false});
  return batches;
}

}  // namespace unpact
