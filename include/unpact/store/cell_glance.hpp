#pragma once
/// The little of a results file that says how its work went.
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "unpact/results/work.hpp"

namespace unpact {

struct CellGlance {
  std::string id, fingerprint, started, ended;
  std::int64_t ranks = 1;  ///< that worked on it together
  std::vector<WorkRecord> work;
  std::string finding;  ///< why it cannot be read; empty: it is intact

  double rank_seconds() const;  ///< of its stages, all ranks together
};

/// Reads a cell's or a baseline's file without a communicator; never throws for what the file says.
CellGlance glance_at_cell(const std::filesystem::path& file);

/// Where a cell of this fingerprint can lie: under its own name, or among the others.
std::vector<std::filesystem::path> places_of_cell(const std::filesystem::path& folder, const std::string& id,
                                                  const std::string& fingerprint);

}  // namespace unpact
