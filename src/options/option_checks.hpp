#pragma once
/// What a value must be by itself: the column `check` of the option table.
#include <functional>
#include <string>
#include <vector>

#include "unpact/options/option_table.hpp"

namespace unpact {

using OptionCheck = std::function<void(const Option&)>;

/// A finite number > 0.
OptionCheck positive(const std::string& hint = "correct the value");
/// A finite number >= bound. @param meaning what the number is, or what follows from the bound.
OptionCheck at_least(double bound, const std::string& meaning, const std::string& hint = "correct the value");
/// A number in [low, high].
OptionCheck in_range(double low, double high, const std::string& hint);
/// A number in (0, 1].
OptionCheck share(const std::string& hint);
/// A number in (0, 1), both ends left out.
OptionCheck share_inside(const std::string& hint);
/// A number in [0, 1).
OptionCheck share_or_none(const std::string& hint);
/// A part of a file's name: no / in it.
OptionCheck part_of_file_name();
/// Names separated by commas, at least one.
OptionCheck list_of(std::vector<std::string> known);

}  // namespace unpact
