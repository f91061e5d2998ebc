#pragma once
/// What a record says of its attributions, for a person.
#include <string>
#include <utility>
#include <vector>

#include "unpact/results/cell.hpp"

namespace unpact {

/// Name and value of: the method with its settings; KeyTokens of the target and how many verdicts noise could turn; and
/// what the method says of its own quality, where it does.
std::vector<std::pair<std::string, std::string>> attribution_summary(const CellRecord& record);

}  // namespace unpact
