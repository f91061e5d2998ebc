#pragma once
/// The table of all options: key, what it means, where its value lives.
#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "unpact/core/enumeration.hpp"
#include "unpact/options/configuration.hpp"

namespace unpact {

struct Option {
  std::string key;  ///< section.name
  std::string help;
  std::variant<std::string*, std::int64_t*, std::uint64_t*, double*, bool*, EnumReference> value;
  bool is_path = false;  ///< an input path: relative to the file that names it
};

/// All options with their values in `configuration`, which must outlive the table.
std::vector<Option> option_table(Configuration& configuration);

/// The value as configuration text.
std::string value_text(const Option& option);

/// Reads text into the option. @throws UserError for a wrong type, naming the key.
void assign(const Option& option, const std::string& text, const std::string& origin);

}  // namespace unpact
