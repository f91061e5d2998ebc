#include "unpact/comm/share_work.hpp"

#include "unpact/comm/fail_together.hpp"
#include "unpact/core/error.hpp"

namespace unpact {

std::vector<std::string> run_everywhere(const Communicator& group, const std::function<std::string()>& run_own) {
  std::string mine;
  fail_together(
      group, [&] { mine = run_own(); }, Telling::error_alone);
  return group.all_gather(mine);
}

std::vector<std::size_t> cut_by_cost(const std::vector<std::uint64_t>& costs, std::size_t ranks) {
  UNPACT_EXPECT(ranks > 0);
  double total = 0;
  for (const auto cost : costs) total += static_cast<double>(cost);
  std::vector<std::size_t> bounds = {0};
  double before = 0;
  for (std::size_t i = 0; i < costs.size(); ++i) {
    const double middle = before + static_cast<double>(costs[i]) / 2;
    while (bounds.size() < ranks && middle * static_cast<double>(ranks) >= total * static_cast<double>(bounds.size()))
      bounds.push_back(i);
    before += static_cast<double>(costs[i]);
  }
  bounds.resize(ranks + 1, costs.size());
  return bounds;
}

}  // namespace unpact
