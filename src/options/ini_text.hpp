#pragma once
#include <functional>
#include <string>

#include "unpact/options/option_table.hpp"

namespace unpact {

/// The chosen options as INI text, in the order of the table.
std::string ini_text(const OptionTable& table, const std::function<bool(const Option&)>& is_chosen);

/// @throws UserError for text that a file would give back changed (ini_reader.hpp).
void require_ini_value(const std::string& key, const std::string& value);

/// The line that begins a section. @throws UserError for a name that a file cannot hold.
std::string ini_section(const std::string& name);

/// The line of one value. @param name as the line calls it. @throws UserError as require_ini_value().
std::string ini_line(const std::string& name, const std::string& key, const std::string& value);

}  // namespace unpact
