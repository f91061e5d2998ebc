/// The configuration as text that --config takes: whole, or what decides a result.
#include "ini_text.hpp"

#include <filesystem>

#include "ini_reader.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace fs = std::filesystem;

std::string ini_text(const OptionTable& table, const std::function<bool(const Option&)>& is_chosen) {
  std::string text, section;
  for (const auto& option : table) {
    if (!is_chosen(option)) continue;
    const auto dot = option.key.find('.');
    if (option.key.substr(0, dot) != section) {
      section = option.key.substr(0, dot);
      text += concat(text.empty() ? "" : "\n", ini_section(section));
    }
    text += ini_line(option.key.substr(dot + 1), option.key, value_text(option));
  }
  return text;
}

void require_ini_value(const std::string& key, const std::string& value) {
  const auto problem = problem_in_ini(value);
  UNPACT_VALIDATE(problem.empty(), concat("option '", key, "' holds text that a configuration file cannot"), problem,
                  key.rfind("prompt.", 0) == 0 ? "write \\n for a line end, \\s for a space at an end, \\xHH for any byte"
                                               : "choose text without them");
}

std::string ini_section(const std::string& name) {
  UNPACT_VALIDATE(is_section_name(name), concat("a configuration file cannot hold a section '", name, "'"),
                  "a name in brackets has no [ ] = # ; and no line's end", "rename the choice that it is named by");
  return concat("[", name, "]\n");
}

std::string ini_line(const std::string& name, const std::string& key, const std::string& value) {
  require_ini_value(key, value);
  return concat(name, " = ", value, "\n");
}

std::string to_ini(const Configuration& configuration) {
  auto copy = configuration;
  return ini_text(option_table(copy), [](const Option&) { return true; });
}

std::string settings_that_affect(const Configuration& configuration, Made made) {
  auto copy = configuration;
  return ini_text(option_table(copy), [made](const Option& option) { return option.affects.has(made); });
}

std::string origins_of_inputs(const Configuration& configuration, Made made) {
  auto copy = with_absolute_paths(configuration);
  return ini_text(option_table(copy), [made](const Option& option) {
    const bool names_input = option.role == Role::name || option.role == Role::input_path;
    const bool makes_input = option.affects.has(Made::target) && !option.affects.has(made);
    return (names_input || makes_input) && !value_text(option).empty();
  });
}

Configuration with_absolute_paths(Configuration configuration) {
  for (const auto& option : option_table(configuration)) {
    if (option.role != Role::input_path) continue;
    auto& path = *std::get<std::string*>(option.value);
    if (!path.empty()) path = fs::absolute(path).lexically_normal().string();
  }
  return configuration;
}

}  // namespace unpact
