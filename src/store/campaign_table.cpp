#include "unpact/store/campaign_table.hpp"

#include <algorithm>
#include <cmath>

#include "campaign_file.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/file_reader.hpp"
#include "unpact/core/json.hpp"
#include "reader.hpp"
#include "schema.hpp"
#include "seal.hpp"

namespace unpact {
namespace {

namespace fs = std::filesystem;

template <class T>
const std::vector<T>& of_length(const std::vector<T>& column, std::size_t rows, const std::string& name) {
  UNPACT_VALIDATE(column.size() == rows, concat("the column ", name, " has ", column.size(), " rows"),
                  concat("expected ", rows), "collect the campaign again");
  return column;
}

/// Names of the columns that are rates: those with a count and a total beside them.
std::vector<std::string> rates_in(const hdf5::Reader& file) {
  const auto columns = file.members("/metrics");
  std::vector<std::string> names;
  for (const auto& name : columns)
    if (std::binary_search(columns.begin(), columns.end(), name + "_total") &&
        std::binary_search(columns.begin(), columns.end(), name + "_count"))
      names.push_back(name);
  return names;
}

/// The probes of all cells; none before version 1.3.
std::vector<ProbeRecord> read_probes(const hdf5::Reader& file, const std::string& where) {
  std::vector<ProbeRecord> probes;
  if (!file.has_attribute("probes")) return probes;
  const auto list = parse_json(file.text("probes"), where, 4);
  UNPACT_VALIDATE(list.is_array(), concat(where, ": attribute probes is no list"), "it names the probes of the cells",
                  "collect the campaign again");
  for (const auto& item : list) {
    auto& probe = probes.emplace_back();
    probe.name = require_string(item, "name", where);
    probe.label = require_string(item, "label", where);
    const auto kind = require_string(item, "kind", where);
    UNPACT_VALIDATE(EnumReference(&probe.kind).assign(kind), concat(where, ": a probe is of the kind '", kind, "'"),
                    concat("the kinds are ", join(names_of<ProbeKind>(), ", ")), "collect the campaign again");
  }
  return probes;
}

/// The field's metrics, of the columns metric_NAME and metric_NAME_target; none before version 1.7.
void read_values(const hdf5::Reader& file, CampaignTable& table) {
  const std::string prefix = "metric_", end = "_target";
  for (const auto& column : file.members("/metrics")) {
    if (!column.starts_with(prefix) || !column.ends_with(end)) continue;
    const auto base = column.substr(0, column.size() - end.size());
    const auto real = [&](const std::string& name) {
      return of_length(file.numbers<double>("/metrics/" + name), table.finished.size(), name);
    };
    const auto target = real(column), unlearned = real(base);
    for (std::size_t i = 0; i < table.finished.size(); ++i) {
      if (std::isnan(target[i]) && std::isnan(unlearned[i])) continue;
      auto& row = table.finished[i].metrics.rows.emplace_back();
      row.name = base.substr(prefix.size());
      row.target = target[i];
      row.unlearned = unlearned[i];
    }
  }
}

void read_finished(const hdf5::Reader& file, CampaignTable& table) {
  const auto ids = file.strings("/metrics/id");
  const auto text = [&](const char* name) {
    return of_length(file.strings(std::string("/metrics/") + name), ids.size(), name);
  };
  const auto models = text("model"), datasets = text("dataset"), methods = text("method");
  const auto seeds = of_length(file.numbers<std::int64_t>("/metrics/seed"), ids.size(), "seed");
  table.finished.resize(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    auto& cell = table.finished[i];
    cell.id = ids[i];
    cell.model = models[i];
    cell.dataset = datasets[i];
    cell.method = methods[i];
    cell.provenance.seed = seeds[i];
  }
  for (const auto& name : rates_in(file)) {
    const auto real = [&](const std::string& column) {
      return of_length(file.numbers<double>("/metrics/" + column), ids.size(), column);
    };
    const auto whole = [&](const std::string& column) {
      return of_length(file.numbers<std::uint64_t>("/metrics/" + column), ids.size(), column);
    };
    const auto value = real(name), low = real(name + "_low"), high = real(name + "_high");
    const auto count = whole(name + "_count"), total = whole(name + "_total");
    for (std::size_t i = 0; i < ids.size(); ++i)
      table.finished[i].rates.push_back({name, count[i], total[i], value[i], low[i], high[i]});
  }
}

void read_unfinished(const hdf5::Reader& file, CampaignTable& table) {
  const auto ids = file.strings("/status/id");
  const auto reasons = of_length(file.strings("/status/reason"), ids.size(), "reason");
  const auto states = of_length(file.numbers<std::uint8_t>("/status/state"), ids.size(), "state");
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (states[i] == static_cast<std::uint8_t>(CollectedState::finished)) continue;
    if (states[i] == static_cast<std::uint8_t>(CollectedState::other)) continue;  // not of this campaign
    const auto& names = names_of<CollectedState>();
    const auto state = states[i] < names.size() ? names[states[i]] : concat("in the unknown state ", int{states[i]});
    table.unfinished.emplace_back(ids[i], concat(state, reasons[i].empty() ? "" : ": ", reasons[i]));
  }
}

}  // namespace

bool is_campaign_file(const fs::path& path) {
  try {
    require_seal(path);
    return hdf5::Reader(path).text("schema_name") == kCampaignSchema;
  } catch (const UnreadableFile&) {
    throw;
  } catch (const std::exception&) {
    return false;
  }
}

CampaignTable read_campaign_table(const fs::path& path) {
  require_seal(path);
  try {
    const hdf5::Reader file(path);
    require_schema(file, path.string(), kCampaignSchema);
    CampaignTable table;
    table.collected = file.text("collected");
    read_finished(file, table);
    read_values(file, table);
    const auto probes = read_probes(file, path.string());
    for (auto& cell : table.finished) cell.probes = probes;
    read_unfinished(file, table);
    return table;
  } catch (const UnreadableFile&) {
    throw;
  } catch (const RuntimeFailure& failure) {  // its bytes are those that were sealed
    throw_unreadable(path, concat(failure.problem(), ": ", failure.reason()));
  }
}

}  // namespace unpact
