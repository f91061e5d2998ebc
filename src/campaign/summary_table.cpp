#include "unpact/campaign/summary_table.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "counted_rates.hpp"
#include "unpact/core/text.hpp"

namespace unpact {
namespace {

constexpr const char* kHalf = " of the half";  ///< behind counts where the other half chose the cell's point or mixture

/// A column of the table: the title and the rate or metric below it, or another where a record lacks that one.
struct Column {
  std::string title, rate, otherwise = {};
};

/// The label of a probe; its name in records that have none.
std::string label_of(const CellRecord& record, const std::string& probe) {
  const auto found = std::ranges::find(record.probes, probe, &ProbeRecord::name);
  return found == record.probes.end() || found->label.empty() ? probe : found->label;
}

std::vector<Column> columns_of(const std::vector<CellRecord>& records) {
  std::vector<Column> columns = {{"forget right", "unlearned_right_forget"}, {"retain right", "unlearned_right_retain"}};
  const auto add_recovery = [&](const CellRecord& record, const std::string& rate, const std::string& probe) {
    if (std::ranges::find(columns, rate, &Column::rate) == columns.end()) columns.push_back({label_of(record, probe), rate});
  };
  for (const auto& record : records) {
    for (const auto& probe : record.probes) add_recovery(record, kRecoveryPrefix + probe.name, probe.name);
    for (const auto& rate : record.rates)
      if (rate.name.starts_with(kRecoveryPrefix))
        add_recovery(record, rate.name, rate.name.substr(std::string(kRecoveryPrefix).size()));
  }
  columns.push_back({"knowledge left", kKnowledgeLeft});
  columns.push_back({"destructive", kDestructiveHeldOut, kDestructive});
  return columns;
}

/// Measured errors of the judge that decides, "; fa 9.9, fr 75.5"; empty: they were not measured.
std::string errors_of(const CellRecord& record) {
  std::string text;
  for (const auto& [label, name] : {std::pair("fa", kFalseAccept), std::pair("fr", kFalseReject)}) {
    const auto rate = std::ranges::find(record.rates, name, &Rate::name);
    if (rate == record.rates.end() || rate->total == 0) continue;
    char part[32];
    std::snprintf(part, sizeof part, "%s %s %.1f", text.empty() ? ";" : ",", label, 100 * rate->value);
    text += part;
  }
  return text;
}

std::string percent(const CellRecord& record, const Column& column) {
  const auto* rate = counted_rate(record, column.rate);
  const bool is_there = rate != nullptr && rate->total > 0;  // a table of cells has 0/0 where a cell has no such rate
  if (!is_there && !column.otherwise.empty()) rate = counted_rate(record, column.otherwise);
  if (rate == nullptr || rate->total == 0) return "-";
  char text[32];
  std::snprintf(text, sizeof text, "%.1f %% (%llu/%llu", 100 * rate->value, static_cast<unsigned long long>(rate->count),
                static_cast<unsigned long long>(rate->total));
  return concat(text, is_counted_on_half(record) ? kHalf : "", errors_of(record), ")");
}

std::string cell(const std::string& text, std::size_t width) {
  return text + std::string(text.size() < width ? width - text.size() : 1, ' ');
}

/// Of the field's metrics, those that papers put into their tables; all are in the files and in the report.
std::vector<Column> metric_columns(const std::vector<CellRecord>& records) {
  std::vector<Column> columns;
  for (const auto& [title, name] :
       std::vector<std::pair<std::string, std::string>>{{"VerbMem", "verbmem"},
                                                        {"KnowMem forget", "knowmem_forget"},
                                                        {"KnowMem retain", "knowmem_retain"},
                                                        {"PrivLeak", "privleak_retrained"},
                                                        {"PrivLeak, published AUC", "privleak_published"},
                                                        {"extraction strength", "extraction_strength_forget"},
                                                        {"forget quality", "forget_quality"},
                                                        {"model utility", "model_utility"}})
    for (const auto& record : records)
      if (std::ranges::count(record.metrics.rows, name, &MetricRecord::name) > 0) {
        columns.push_back({title, name});
        break;
      }
  return columns;
}

std::string short_number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", value);
  return std::isnan(value) ? "-" : text;
}

/// The unlearned model's value, and the target's in brackets.
std::string metric_text(const CellRecord& record, const Column& column) {
  const auto row = std::ranges::find(record.metrics.rows, column.rate, &MetricRecord::name);
  if (row == record.metrics.rows.end()) return "-";
  return concat(short_number(row->unlearned), " (", short_number(row->target), ")");
}

template <class Text>
std::string table_of(const std::vector<CellRecord>& records, const std::vector<Column>& columns, const std::string& corner,
                     const Text& text) {
  std::size_t first = 34, width = 19;
  for (const auto& record : records) first = std::max(first, record.id.size());
  for (const auto& column : columns) {
    width = std::max(width, column.title.size() + 1);
    for (const auto& record : records) width = std::max(width, text(record, column).size() + 1);
  }
  first += 2;
  std::string table = cell(corner, first);
  for (const auto& column : columns) table += cell(column.title, width);
  table += "\n";
  for (const auto& record : records) {
    table += cell(record.id, first);
    for (const auto& column : columns) table += cell(text(record, column), width);
    table += "\n";
  }
  return table;
}

}  // namespace

std::string summary_table(const std::vector<CellRecord>& records) {
  auto table = table_of(records, columns_of(records), "cell", percent);
  if (std::ranges::any_of(records, [](const auto& record) { return !errors_of(record).empty(); }))
    table +=
        "fa, fr: per cent of known wrong answers that the deciding judge accepts, and of known right ones that it rejects\n";
  if (std::ranges::any_of(records, is_counted_on_half))
    table += "of the half: the cell's point or mixture was chosen on the other half of the questions\n";
  if (const auto metrics = metric_columns(records); !metrics.empty())
    table += concat("\n", table_of(records, metrics, "metric (target's in brackets)", metric_text));
  return table;
}

}  // namespace unpact
