#pragma once
#include <functional>
#include <string>

#include "unpact/options/option_table.hpp"

namespace unpact {

/// The chosen options as INI text, in the order of the table.
std::string ini_text(const OptionTable& table, const std::function<bool(const Option&)>& is_chosen);

}  // namespace unpact
