#pragma once
#include <string>

#include "unpact/results/cell.hpp"

namespace unpact {

/// What is wrong with a record's sizes, flags or names, or an empty string: every rule of docs/results-format.md
/// that the types alone do not keep.
std::string inconsistency_of(const CellRecord& cell);

}  // namespace unpact
