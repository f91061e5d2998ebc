#pragma once
/// The results of a campaign for a terminal: a line a method, its seeds pooled. What `unpact_results table` prints.
#include <string>
#include <vector>

#include "unpact/results/cell.hpp"

namespace unpact {

/// A cell without a result.
struct AbsentCell {
  std::string model, dataset, method, state;
};

struct PooledTableOptions {
  std::size_t width = 100;  ///< columns, of which no line has more
  bool colours = false;     ///< of verdicts
};

/// A block a model and dataset; probes that have no room are left out, which is said. @param finished id, model, dataset,
/// method, seed, outcome, focus_shift, trajectory.role, rates and the probes' names, labels and kinds of each; see read_cell_numbers().
std::string pooled_table(const std::vector<CellRecord>& finished, const std::vector<AbsentCell>& absent,
                         const PooledTableOptions& options = {});

}  // namespace unpact
