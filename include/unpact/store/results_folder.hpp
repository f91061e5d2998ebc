#pragma once
/// Whether results can be kept in a folder, asked before any work.
#include <filesystem>

#include "unpact/comm/communicator.hpp"

namespace unpact {

/// Writes a small results file as this group will write its results, reads it back and removes it. Collective over `group`.
/// @throws RuntimeFailure on every rank, with the reason of the system or of HDF5.
void try_results_folder(const Communicator& group, const std::filesystem::path& folder);

}  // namespace unpact
