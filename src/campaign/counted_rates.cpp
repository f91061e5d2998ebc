#include "counted_rates.hpp"

#include <algorithm>
#include <cstdint>

#include "unpact/core/text.hpp"

namespace unpact {

// A campaign's table has rates alone, and 0 of 0 where a cell has no such rate.
bool is_counted_on_half(const CellRecord& cell) {
  const auto& roles = cell.trajectory.role;
  if (std::ranges::find(roles, static_cast<std::uint8_t>(PointRole::choose)) != roles.end()) return true;
  return std::ranges::any_of(cell.rates,
                             [](const Rate& rate) { return rate.total > 0 && rate.name.starts_with(kReportedPrefix); });
}

bool is_counted(const CellRecord& cell, std::size_t question) {
  const auto& roles = cell.trajectory.role;
  return question >= roles.size() || roles[question] != static_cast<std::uint8_t>(PointRole::choose);
}

const Rate* counted_rate(const CellRecord& cell, const std::string& name) {
  const auto found = std::ranges::find(cell.rates, is_counted_on_half(cell) ? kReportedPrefix + name : name, &Rate::name);
  return found == cell.rates.end() ? nullptr : &*found;
}

}  // namespace unpact
