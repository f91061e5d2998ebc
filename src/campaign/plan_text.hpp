#pragma once
/// Numbers of a plan for people.
#include <string>

namespace unpact {

/// "74.5 GB", 10^9 bytes.
std::string in_gigabytes(double bytes);

/// "1.23e+18".
std::string in_operations(double operations);

/// "3.2 h", "12 min", "4 s"; "-" where no rate is known.
std::string in_time(double seconds);

/// Right-aligned in so many columns.
std::string column(const std::string& text, std::size_t width);

}  // namespace unpact
