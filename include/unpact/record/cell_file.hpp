#pragma once
/// A cell as an HDF5 file: written collectively by a rank group, complete or not there.
#include <filesystem>
#include <string>

#include "unpact/comm/communicator.hpp"
#include "unpact/record/cell_record.hpp"

namespace unpact {

/// Collective over `group`; every rank passes the same record and writes its share of each large dataset through
/// MPI-IO. The file gets its final name after a sync. @throws RuntimeFailure (disk full, say) on every rank, and then
/// nothing stands under the final name.
void write_cell_file(const Communicator& group, const std::filesystem::path& path, const CellRecord& record);

/// One rank reads a whole cell back. @throws UserError for a broken file or another schema version.
CellRecord read_cell_file(const std::filesystem::path& path);

/// Whether the file is there, opens, has this schema and the same `configuration_fingerprint`; never throws.
/// The fingerprint is the SHA-256 of the resolved configuration and of model and tokenizer.
bool is_finished_cell(const std::filesystem::path& path, const std::string& fingerprint);

/// The fingerprint that write_cell_file stores.
std::string fingerprint_of(const Provenance& provenance);

}  // namespace unpact
