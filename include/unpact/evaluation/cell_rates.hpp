#pragma once
/// The rates of a cell: docs/results-format.md names them.
#include <vector>

#include "unpact/results/cell.hpp"

namespace unpact {

/// Prefix of a further judge's rates; its name, _ and the rate's follow.
inline constexpr const char* kByJudgePrefix = "by_";

/// All rates that follow from a record whose verdicts, outcomes, probes and knowledge are there; with halves that chose the cell's point
/// or mixture (trajectory.role), also those of the other halves alone.
std::vector<Rate> cell_rates(const CellRecord& record);

}  // namespace unpact
