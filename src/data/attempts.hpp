#pragma once
/// Attempts from what is in memory, which fuzzing reads.
#include <string>
#include <string_view>
#include <vector>

#include "unpact/data/dataset.hpp"

namespace unpact {

/// add_attempts() from the content of a file. @param where names it in messages.
std::vector<std::string> add_attempts_of(std::string_view content, const std::string& where, Dataset& dataset);

}  // namespace unpact
