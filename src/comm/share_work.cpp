#include "unpact/comm/share_work.hpp"

#include <algorithm>

#include "unpact/comm/fail_together.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

/// Strings with their lengths in front, so that they travel as one.
std::string pack(const std::vector<std::string>& items) {
  std::string packed;
  for (const auto& item : items) {
    const std::uint64_t size = item.size();
    packed.append(reinterpret_cast<const char*>(&size), sizeof size);
    packed += item;
  }
  return packed;
}

std::vector<std::string> unpack(const std::string& packed) {
  std::vector<std::string> items;
  for (std::size_t at = 0; at < packed.size();) {
    std::uint64_t size = 0;
    std::memcpy(&size, packed.data() + at, sizeof size);
    items.push_back(packed.substr(at + sizeof size, size));
    at += sizeof size + size;
  }
  return items;
}

std::vector<std::string> run_own_chunks(const Communicator& group, std::size_t count, std::size_t chunk,
                                        const std::function<std::vector<std::string>(std::size_t, std::size_t)>& compute) {
  std::vector<std::string> mine;
  for (std::size_t k = static_cast<std::size_t>(group.rank()); k * chunk < count; k += static_cast<std::size_t>(group.size())) {
    auto results = compute(k * chunk, std::min(count, (k + 1) * chunk));
    UNPACT_ASSERT(results.size() == std::min(count, (k + 1) * chunk) - k * chunk);
    std::move(results.begin(), results.end(), std::back_inserter(mine));
  }
  return mine;
}

/// Runs this rank's part, tells every rank of a failure, and gives each rank what all have computed.
std::vector<std::vector<std::string>> run_everywhere(const Communicator& group, const std::function<std::vector<std::string>()>& run_own) {
  std::vector<std::string> mine;
  fail_together(group, [&] { mine = run_own(); }, Telling::error_alone);
  std::vector<std::vector<std::string>> by_rank;
  for (const auto& packed : group.all_gather(pack(mine))) by_rank.push_back(unpack(packed));
  return by_rank;
}

}  // namespace

std::vector<std::string> share_work(const Communicator& group, std::size_t count, std::size_t chunk,
                                    const std::function<std::vector<std::string>(std::size_t, std::size_t)>& compute) {
  UNPACT_EXPECT(chunk > 0);
  if (group.size() == 1) return run_own_chunks(group, count, chunk, compute);
  auto by_rank = run_everywhere(group, [&] { return run_own_chunks(group, count, chunk, compute); });
  std::vector<std::string> all(count);
  std::vector<std::size_t> next(by_rank.size(), 0);
  for (std::size_t i = 0; i < count; ++i) {
    const auto owner = (i / chunk) % by_rank.size();
    all[i] = std::move(by_rank[owner].at(next[owner]++));
  }
  return all;
}

std::vector<std::size_t> cut_by_cost(const std::vector<std::uint64_t>& costs, std::size_t ranks) {
  UNPACT_EXPECT(ranks > 0);
  double total = 0;
  for (const auto cost : costs) total += static_cast<double>(cost);
  std::vector<std::size_t> bounds = {0};
  double before = 0;
  for (std::size_t i = 0; i < costs.size(); ++i) {
    const double middle = before + static_cast<double>(costs[i]) / 2;
    while (bounds.size() < ranks && middle * static_cast<double>(ranks) >= total * static_cast<double>(bounds.size())) bounds.push_back(i);
    before += static_cast<double>(costs[i]);
  }
  bounds.resize(ranks + 1, costs.size());
  return bounds;
}

std::vector<std::string> share_by_cost(const Communicator& group, const std::vector<std::uint64_t>& costs,
                                       const std::function<std::vector<std::string>(std::size_t, std::size_t)>& compute) {
  const auto bounds = cut_by_cost(costs, static_cast<std::size_t>(group.size()));
  const auto run_own = [&] {
    const auto first = bounds[static_cast<std::size_t>(group.rank())], last = bounds[static_cast<std::size_t>(group.rank()) + 1];
    auto results = first == last ? std::vector<std::string>() : compute(first, last);
    UNPACT_ASSERT(results.size() == last - first);
    return results;
  };
  if (group.size() == 1) return run_own();
  std::vector<std::string> all;
  for (auto& part : run_everywhere(group, run_own)) std::move(part.begin(), part.end(), std::back_inserter(all));
  return all;
}

}  // namespace unpact
