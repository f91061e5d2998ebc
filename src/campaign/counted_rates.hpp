#pragma once
/// Which rate of a cell tables show: where its point or mixture was chosen on one half of the questions, that of the other half.
#include <cstddef>
#include <string>

#include "unpact/results/cell.hpp"

namespace unpact {

/// Whether some questions chose the cell's point or mixture, so that the others alone say how good it is.
bool is_counted_on_half(const CellRecord& cell);

/// Whether a question is counted.
bool is_counted(const CellRecord& cell, std::size_t question);

/// The rate of the questions that are counted; null: the cell has none, or its file is older than such rates.
const Rate* counted_rate(const CellRecord& cell, const std::string& name);

}  // namespace unpact
