#include "unpact/comm/share_work.hpp"

#include "unpact/core/error.hpp"

namespace unpact {
namespace {

/// Throws what a rank sent about its failure: the kind of error and its three parts.
[[noreturn]] void rethrow(const std::vector<std::string>& parts) {
  if (parts.at(0) == "user") throw UserError(parts.at(1), parts.at(2), parts.at(3));
  throw RuntimeFailure(parts.at(1), parts.at(2), parts.at(3));
}

}  // namespace

std::vector<std::string> run_everywhere(const Communicator& group, const std::function<std::string()>& run_own) {
  std::string mine;
  std::vector<std::string> error;
  try {
    mine = run_own();
  } catch (const Error& e) {
    error = {dynamic_cast<const UserError*>(&e) != nullptr ? "user" : "run", e.problem(), e.reason(), e.hint()};
  } catch (const std::exception& e) {
    error = {"run", e.what(), concat("on rank ", group.rank()), ""};
  }
  for (const auto& encoded : group.all_gather(encode(error)))
    if (const auto parts = decode<std::vector<std::string>>(encoded); !parts.empty()) rethrow(parts);
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
    while (bounds.size() < ranks && middle * static_cast<double>(ranks) >= total * static_cast<double>(bounds.size())) bounds.push_back(i);
    before += static_cast<double>(costs[i]);
  }
  bounds.resize(ranks + 1, costs.size());
  return bounds;
}

}  // namespace unpact
