#include "pooled_rows.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <tuple>

#include "counted_rates.hpp"
#include "verdict.hpp"
#include "unpact/core/text.hpp"
#include "unpact/evaluation/statistics.hpp"

namespace unpact {
namespace {

using Cells = std::vector<const CellRecord*>;

template <class Find>
Rate sum_of(const Cells& cells, const Find& find) {
  std::uint64_t count = 0, total = 0;
  for (const auto* cell : cells) {
    const Rate* rate = find(*cell);
    if (rate == nullptr) continue;
    count += std::min(rate->count, rate->total);
    total += rate->total;
  }
  return wilson_rate(count, total);
}

Rate pooled(const Cells& cells, const std::string& name) {
  return sum_of(cells, [&](const CellRecord& cell) { return counted_rate(cell, name); });
}

/// Destruction of the half that no loss has seen, where a cell has one.
const Rate* deciding_destruction(const CellRecord& cell) {
  const auto* held_out = counted_rate(cell, kDestructiveHeldOut);
  return held_out == nullptr ? counted_rate(cell, kDestructive) : held_out;
}

bool is_forgotten(std::uint8_t outcome) { return outcome == static_cast<std::uint8_t>(Outcome::forgotten); }

double mean_shift(const Cells& cells) {
  double sum = 0;
  std::size_t count = 0;
  for (const auto* cell : cells)
    for (std::size_t q = 0; q < cell->outcome.size(); ++q) {
      if (!is_counted(*cell, q) || !is_forgotten(cell->outcome[q]) || std::isnan(cell->focus_shift.set_cosine[q])) continue;
      sum += 1 - cell->focus_shift.set_cosine[q];
      ++count;
    }
  return count == 0 ? std::numeric_limits<double>::quiet_NaN() : sum / static_cast<double>(count);
}

void fill(const Cells& cells, const std::vector<ProbeRecord>& probes, PooledRow& row) {
  row.seeds = cells.size();
  for (const auto* cell : cells) {
    row.on_half = row.on_half || is_counted_on_half(*cell);
    for (std::size_t q = 0; q < cell->outcome.size(); ++q)
      row.forgotten += is_counted(*cell, q) && is_forgotten(cell->outcome[q]) ? 1 : 0;
  }
  row.left = pooled(cells, kKnowledgeLeft);
  row.still_right = pooled(cells, "still_right");
  row.wrecked = sum_of(cells, deciding_destruction);
  row.shift = mean_shift(cells);
  std::vector<WonBack> won;
  for (const auto& probe : probes) {
    row.recovered.push_back(pooled(cells, kRecoveryPrefix + probe.name));
    if (probe.kind != ProbeKind::control) won.push_back({probe.label, row.recovered.back().count});
  }
  row.verdict = verdict_on(row.left, row.wrecked);
  row.leaves_much = what_leaves_much(row.left, row.still_right, won);
}

}  // namespace

std::vector<ProbeRecord> probes_in(const std::vector<CellRecord>& cells) {
  std::vector<ProbeRecord> probes;
  for (const auto& cell : cells)
    for (const auto& probe : cell.probes) {
      if (std::ranges::find(probes, probe.name, &ProbeRecord::name) != probes.end()) continue;
      auto& named = probes.emplace_back();
      named.name = probe.name;
      named.label = probe.label.empty() ? probe.name : probe.label;
      named.kind = probe.kind;
    }
  return probes;
}

std::vector<PooledRow> pooled_rows(const std::vector<CellRecord>& cells, const std::vector<ProbeRecord>& probes,
                                   const std::vector<AbsentCell>& absent) {
  using Key = std::tuple<std::string, std::string, std::string>;
  std::vector<Key> order;
  std::map<Key, Cells> groups;
  std::map<Key, std::map<std::string, std::size_t>> states;
  const auto place = [&](const Key& key) {
    if (groups.try_emplace(key).second) order.push_back(key);
  };
  for (const auto& cell : cells) {
    const Key key{cell.model, cell.dataset, cell.method};
    place(key);
    groups[key].push_back(&cell);
  }
  for (const auto& cell : absent) {
    const Key key{cell.model, cell.dataset, cell.method};
    place(key);
    ++states[key][cell.state];
  }
  std::vector<PooledRow> rows;
  for (const auto& key : order) {
    auto& row = rows.emplace_back();
    std::tie(row.model, row.dataset, row.method) = key;
    if (!groups[key].empty()) fill(groups[key], probes, row);
    std::vector<std::string> parts;
    for (const auto& [state, count] : states[key]) parts.push_back(concat(count, " ", state));
    row.absent = join(parts, ", ");
  }
  return rows;
}

}  // namespace unpact
