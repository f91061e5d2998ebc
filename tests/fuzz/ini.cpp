#include <algorithm>

#include "../../src/options/ini_reader.hpp"  // private to the layer
#include "fuzz_target.hpp"
#include "unpact/core/text.hpp"

/// A configuration. What is written of an accepted one must read back the same.
UNPACT_FUZZ_TARGET(ini) {
  using namespace unpact;
  const auto content = parse_ini(input, "input.ini");
  std::string written;
  for (const auto& [key, value, line] : content.entries) {
    UNPACT_FUZZ_REQUIRE(line > 0 && problem_in_ini(value).empty() && !trim(key).empty());
    const auto dot = key.find('.');
    UNPACT_FUZZ_REQUIRE(dot != std::string::npos);
    written += concat("[", key.substr(0, dot), "]\n", key.substr(dot + 1), " = ", value, "\n");
  }
  const auto names_are_plain = [](const IniEntry& entry) {
    const auto dot = entry.key.find('.');
    const auto section = entry.key.substr(0, dot), name = entry.key.substr(dot + 1);
    return !trim(section).empty() && trim(section) == section && trim(name) == name && !name.empty() &&
           std::string("#;[").find(name.front()) == std::string::npos;
  };
  if (!std::all_of(content.entries.begin(), content.entries.end(), names_are_plain)) return;
  const auto again = parse_ini(written, "written.ini").entries;
  UNPACT_FUZZ_REQUIRE(again.size() == content.entries.size());
  for (std::size_t i = 0; i < again.size(); ++i)
    UNPACT_FUZZ_REQUIRE(again[i].key == content.entries[i].key && again[i].value == content.entries[i].value);
}
