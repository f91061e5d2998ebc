#pragma once
#include <string>
#include <vector>

#include "unpact/results/cell.hpp"

namespace unpact {

/// A table of cells for the terminal: shares right, recovery, destruction.
std::string summary_table(const std::vector<CellRecord>& records);

}  // namespace unpact
