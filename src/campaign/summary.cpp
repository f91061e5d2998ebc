#include "unpact/campaign/summary.hpp"

#include <algorithm>
#include <cstdio>

#include "unpact/core/text.hpp"

namespace unpact {

std::string summary_table(const std::vector<CellRecord>& records) {
  const auto percent = [](const CellRecord& record, const std::string& name) -> std::string {
    for (const auto& rate : record.rates) {
      if (rate.name != name) continue;
      if (rate.total == 0) return "-";
      char text[32];
      std::snprintf(text, sizeof text, "%.1f %% (%llu/%llu)", 100 * rate.value, static_cast<unsigned long long>(rate.count),
                    static_cast<unsigned long long>(rate.total));
      return text;
    }
    return "-";
  };
  const std::vector<std::pair<std::string, std::string>> columns = {{"forget right", "unlearned_right_forget"},
                                                                    {"retain right", "unlearned_right_retain"},
                                                                    {"FocusOnKey", "recovery_focus_on_key"},
                                                                    {"Probab", "recovery_probab"},
                                                                    {"destructive", "destructive"}};
  const auto cell = [](const std::string& text, std::size_t width) { return text + std::string(text.size() < width ? width - text.size() : 1, ' '); };
  std::size_t width = 34;
  for (const auto& record : records) width = std::max(width, record.id.size());
  width += 2;
  std::string table = cell("cell", width);
  for (const auto& [title, name] : columns) table += cell(title, 19);
  table += "\n";
  for (const auto& record : records) {
    table += cell(record.id, width);
    for (const auto& [title, name] : columns) table += cell(percent(record, name), 19);
    table += "\n";
  }
  return table;
}

}  // namespace unpact
