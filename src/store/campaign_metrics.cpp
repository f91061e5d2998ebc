#include "campaign_metrics.hpp"

#include <cctype>
#include <cmath>
#include <functional>
#include <limits>
#include <utility>
#include <vector>

namespace unpact {
namespace {

/// 1 - cosine averaged over the chosen questions that have one.
MeanOverQuestions mean_shift(const std::vector<double>& cosines, const std::function<bool(std::size_t)>& chosen) {
  double sum = 0;
  std::uint64_t count = 0;
  for (std::size_t q = 0; q < cosines.size(); ++q) {
    if (!chosen(q) || std::isnan(cosines[q])) continue;
    sum += 1 - cosines[q];
    ++count;
  }
  return {count == 0 ? std::numeric_limits<double>::quiet_NaN() : sum / static_cast<double>(count), count};
}

struct QuestionClass {
  const char* name;
  Split split;
  int outcome;  ///< -1: any
};

constexpr QuestionClass kClasses[] = {
    {"forget", Split::forget, -1},
    {"forgotten", Split::forget, static_cast<int>(Outcome::forgotten)},
    {"retained", Split::forget, static_cast<int>(Outcome::retained)},
    {"unknown", Split::forget, static_cast<int>(Outcome::unknown)},
    {"retain", Split::retain, -1},
    {"kept", Split::retain, static_cast<int>(Outcome::kept)},
    {"destroyed", Split::retain, static_cast<int>(Outcome::destroyed)},
};

}  // namespace

std::string column_name(std::string name) {
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c)) || static_cast<unsigned char>(c) > 127) c = '_';
  return name;
}

CellMetrics metrics_of(const CellRecord& cell) {
  CellMetrics metrics{
      cell.id, cell.model, cell.dataset, cell.method, cell.provenance.seed, cell.compute_dtype, cell.noise_floor, {},
      {},      {},         {},           {}};
  for (const auto& probe : cell.probes) {
    auto& named = metrics.probes.emplace_back();
    named.name = probe.name;
    named.label = probe.label;
    named.kind = probe.kind;
  }
  for (const auto& rate : cell.rates) metrics.rates[column_name(rate.name)] = rate;
  for (const auto& row : cell.metrics.rows) metrics.values["metric_" + column_name(row.name)] = row;
  for (const auto& work : cell.work) metrics.seconds["seconds_" + column_name(work.stage)] += work.seconds;
  for (const auto& chosen : kClasses) {
    const auto belongs = [&](std::size_t q) {
      return cell.questions.split[q] == static_cast<std::uint8_t>(chosen.split) &&
             (chosen.outcome < 0 || cell.outcome[q] == chosen.outcome);
    };
    metrics.shifts[std::string("focus_shift_") + chosen.name] = mean_shift(cell.focus_shift.set_cosine, belongs);
    metrics.shifts[std::string("contribution_shift_") + chosen.name] =
        mean_shift(cell.focus_shift.contribution_cosine, belongs);
  }
  return metrics;
}

}  // namespace unpact
