#pragma once
/// How a results file begins: what was run, on what, and where it lies.
#include <string>

#include "unpact/campaign/baseline.hpp"
#include "unpact/options/option_table.hpp"

namespace unpact {

/// @return the name without characters that a file name cannot have.
std::string file_safe(std::string name);

/// A record with names, provenance and the settings of the attribution. Collective over `group`.
/// @param made baseline or cell.
CellRecord start_record(const Session& session, const Communicator& group, const Baseline& baseline,
                        const Configuration& configuration, Made made);

}  // namespace unpact
