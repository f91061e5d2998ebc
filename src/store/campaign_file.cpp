#include "campaign_file.hpp"

#include <algorithm>
#include <limits>
#include <set>

#include "unpact/core/clock.hpp"
#include "unpact/core/json.hpp"
#include "unpact/core/text.hpp"
#include "schema.hpp"
#include "writer.hpp"

namespace unpact {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

/// A group of equal-length columns with the scale `id`.
class Table {
 public:
  Table(hdf5::Writer& file, std::string group) : file_(file), group_(std::move(group)) {}

  template <class Row, class Value>
  void column(const std::string& name, const std::string& long_name, const std::vector<Row>& rows, Value value,
              const std::string& unit = "1", const std::string& flags = "") {
    using T = std::decay_t<decltype(value(rows[0]))>;
    std::vector<T> values;
    for (const auto& row : rows) values.push_back(value(row));
    const hdf5::Description description{group_ + "/" + name, {group_ + "/id"}, unit, long_name, flags};
    if constexpr (std::is_same_v<T, std::string>) file_.strings(description, values, {values.size()});
    else file_.numbers<T>(description, values, {values.size()});
  }

 private:
  hdf5::Writer& file_;
  std::string group_;
};

void write_status(hdf5::Writer& file, const std::vector<CellStatus>& states) {
  Table table(file, "/status");
  using S = CellStatus;
  table.column("id", "cell", states, [](const S& s) { return s.cell.id; });
  table.column("model", "model", states, [](const S& s) { return s.cell.model; });
  table.column("dataset", "dataset", states, [](const S& s) { return s.cell.dataset; });
  table.column("method", "method", states, [](const S& s) { return s.cell.method; });
  table.column("seed", "seed", states, [](const S& s) { return s.cell.seed; });
  table.column("file", "file, relative to this one", states, [](const S& s) { return s.relative_file; });
  table.column(
      "state", "state of the cell", states, [](const S& s) { return static_cast<std::uint8_t>(s.state); }, "1",
      join(names_of<CollectedState>(), " "));
  table.column("sha256", "SHA-256 of the file", states, [](const S& s) { return s.sha256; });
  table.column("fingerprint", "fingerprint that its results must have", states,
               [](const S& s) { return s.cell.fingerprint; });
  table.column("reason", "why the cell is not finished", states, [](const S& s) { return s.reason; });
}

/// The value under a key, or a default.
template <class T>
T value_or(const std::map<std::string, T>& map, const std::string& key, T fallback) {
  const auto at = map.find(key);
  return at == map.end() ? fallback : at->second;
}

/// The keys that a map has in any row.
template <class T>
std::set<std::string> keys_of(const std::vector<CellMetrics>& rows, std::map<std::string, T> CellMetrics::*map) {
  std::set<std::string> keys;
  for (const auto& row : rows)
    for (const auto& [key, value] : row.*map) keys.insert(key);
  return keys;
}

void write_rates(Table& table, const std::vector<CellMetrics>& rows) {
  const Rate none{"", 0, 0, kNone, kNone, kNone};
  for (const auto& name : keys_of(rows, &CellMetrics::rates)) {
    const auto rate = [&none, name](const CellMetrics& row) { return value_or(row.rates, name, none); };
    table.column(name, "rate " + name, rows, [&](const CellMetrics& row) { return rate(row).value; });
    table.column(name + "_count", "numerator of " + name, rows, [&](const CellMetrics& row) { return rate(row).count; });
    table.column(name + "_total", "denominator of " + name, rows, [&](const CellMetrics& row) { return rate(row).total; });
    table.column(name + "_low", "lower end of the 95 % Wilson interval of " + name, rows,
                 [&](const CellMetrics& row) { return rate(row).low; });
    table.column(name + "_high", "upper end of the 95 % Wilson interval of " + name, rows,
                 [&](const CellMetrics& row) { return rate(row).high; });
  }
}

/// The field's metrics: of the unlearned model with its interval, and of the target.
void write_values(Table& table, const std::vector<CellMetrics>& rows) {
  for (const auto& name : keys_of(rows, &CellMetrics::values)) {
    const auto value = [name](const CellMetrics& row) { return value_or(row.values, name, MetricRecord{}); };
    table.column(name, name + " of the unlearned model", rows, [&](const CellMetrics& row) { return value(row).unlearned; });
    table.column(name + "_low", "lower end of the 95 % interval of " + name, rows,
                 [&](const CellMetrics& row) { return value(row).unlearned_low; });
    table.column(name + "_high", "upper end of the 95 % interval of " + name, rows,
                 [&](const CellMetrics& row) { return value(row).unlearned_high; });
    table.column(name + "_target", name + " of the target", rows, [&](const CellMetrics& row) { return value(row).target; });
    table.column(name + "_count", "items in " + name, rows, [&](const CellMetrics& row) { return value(row).count; });
  }
}

void write_metrics(hdf5::Writer& file, const std::vector<CellMetrics>& rows) {
  Table table(file, "/metrics");
  table.column("id", "cell", rows, [](const CellMetrics& row) { return row.id; });
  table.column("model", "model", rows, [](const CellMetrics& row) { return row.model; });
  table.column("dataset", "dataset", rows, [](const CellMetrics& row) { return row.dataset; });
  table.column("method", "method", rows, [](const CellMetrics& row) { return row.method; });
  table.column("seed", "seed", rows, [](const CellMetrics& row) { return row.seed; });
  table.column("compute_dtype", "dtype of answers and contributions", rows,
               [](const CellMetrics& row) { return row.compute_dtype; });
  table.column(
      "noise_floor", "largest change of a log-probability between equal evaluations", rows,
      [](const CellMetrics& row) { return row.noise_floor; }, "nat/token");
  write_rates(table, rows);
  write_values(table, rows);
  for (const auto& name : keys_of(rows, &CellMetrics::shifts)) {
    const auto shift = [name](const CellMetrics& row) { return value_or(row.shifts, name, MeanOverQuestions{kNone, 0}); };
    table.column(name, "mean of 1 - cosine, " + name, rows, [&](const CellMetrics& row) { return shift(row).mean; });
    table.column(name + "_count", "questions in " + name, rows, [&](const CellMetrics& row) { return shift(row).count; });
  }
  for (const auto& name : keys_of(rows, &CellMetrics::seconds))
    table.column(
        name, "wall-clock time, " + name, rows, [&](const CellMetrics& row) { return value_or(row.seconds, name, kNone); },
        "s");
}

/// [{"name": ..., "label": ..., "kind": ...}, ...] of all cells' probes, each once, in the order in which they appear.
std::string probes_of(const std::vector<CellMetrics>& rows) {
  std::set<std::string> seen;
  Json probes = Json::array();
  for (const auto& row : rows)
    for (const auto& probe : row.probes)
      if (seen.insert(probe.name).second)
        probes.push_back({{"name", probe.name}, {"label", probe.label}, {"kind", name_of_value(probe.kind)}});
  return probes.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::int64_t count(const std::vector<CellStatus>& states, CollectedState state) {
  return std::count_if(states.begin(), states.end(), [&](const auto& s) { return s.state == state; });
}

}  // namespace

void write_campaign_content(const std::filesystem::path& path, const std::vector<CellStatus>& states,
                            const std::vector<CellMetrics>& metrics) {
  const Communicator alone;
  hdf5::Writer file(alone, path, 0);
  write_schema(file, kCampaignSchema);
  file.attribute("collected", utc_now());
  file.attribute("finished", count(states, CollectedState::finished));
  file.attribute("missing", count(states, CollectedState::missing));
  file.attribute("broken", count(states, CollectedState::broken));
  file.attribute("failed", count(states, CollectedState::failed));
  file.attribute("other", count(states, CollectedState::other));
  file.attribute("probes", probes_of(metrics));
  write_status(file, states);
  write_metrics(file, metrics);
  file.close();
}

}  // namespace unpact
