#pragma once
/// Cells of one model, dataset and method together.
#include <string>
#include <vector>

#include "unpact/campaign/pooled_table.hpp"

namespace unpact {

struct PooledRow {
  std::string model, dataset, method;
  std::size_t seeds = 0;
  bool on_half = false;  ///< some cell's point or mixture was chosen on half of the questions, and is counted on the others
  std::uint64_t forgotten = 0;
  Rate left, still_right, wrecked;
  std::vector<Rate> recovered;  ///< of each probe in the order of probes_in()
  double shift = 0;             ///< mean focus shift of forgotten questions; NaN: there is none
  std::string verdict, leaves_much;
  std::string absent;  ///< "2 missing"; empty: none
};

/// The probes of all cells, each once: name, label and kind.
std::vector<ProbeRecord> probes_in(const std::vector<CellRecord>& cells);

/// In the order of the cells, then of those without a result.
std::vector<PooledRow> pooled_rows(const std::vector<CellRecord>& cells, const std::vector<ProbeRecord>& probes,
                                   const std::vector<AbsentCell>& absent);

}  // namespace unpact
