#pragma once
/// The results of a model that was never taught, which metrics compare with.
#include <optional>
#include <string>

#include "unpact/comm/communicator.hpp"
#include "unpact/options/configuration.hpp"
#include "unpact/results/cell.hpp"

namespace unpact {

/// SHA-256 of the file that option evaluation.retrained names; empty: none is named.
std::string checksum_of_retrained(const MetricOptions& options);

/// Fixes what the file holds, once it is known to be of use. Collective over `world`. @throws UserError for a file that is not
/// there or no cell's, or that differs between ranks.
void pin_retrained(const Communicator& world, Configuration& configuration);

/// Its record; nothing where none is named. Collective over `group`. @throws UserError also for another content than was pinned.
std::optional<CellRecord> read_retrained(const Communicator& group, const MetricOptions& options);

}  // namespace unpact
