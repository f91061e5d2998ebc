#pragma once
/// A cell as an HDF5 file: written collectively by a rank group, complete or not there.
#include <filesystem>
#include <string>

#include "unpact/comm/communicator.hpp"
#include "unpact/results/cell.hpp"

namespace unpact {

/// Collective over `group`; every rank passes the same record. Several ranks write their shares of each dataset through
/// MPI-IO into space that is reserved before (about twice the uncompressed size), one rank writes alone. The file is read
/// back, sealed and synced before it gets its final name. Attributes are root's; lists must have equal lengths everywhere.
/// @throws RuntimeFailure on every rank (disk full, an inconsistent record), and then nothing new stands under `path`.
/// A failure inside a collective HDF5 call ends the job on every rank instead: see hdf5::Writer.
void write_cell_file(const Communicator& group, const std::filesystem::path& path, const CellRecord& record);

/// One rank reads a whole cell back. @throws UserError for a file that is missing, damaged or changed (see seal.hpp), or
/// that has another schema or an unknown major version. UnreadableFile (core/file_reader.hpp) when it cannot be read now.
CellRecord read_cell_file(const std::filesystem::path& path);

/// The little of it that tables say: who the cell is, outcomes, focus shifts, which questions chose its
/// point, rates, and its probes' names, labels and kinds.
/// The rest of the record is empty. One rank. @throws what read_cell_file throws.
CellRecord read_cell_numbers(const std::filesystem::path& path);

/// Whether the file is there, is undamaged, has this schema and the same fingerprint. Reads every byte.
/// @throws UnreadableFile when it is there but cannot be read now: it may be finished, and must not be made anew.
/// The fingerprint is the SHA-256 of the resolved configuration and of model and tokenizer.
bool is_finished_cell(const std::filesystem::path& path, const std::string& fingerprint);

/// The fingerprint that write_cell_file stores.
std::string fingerprint_of(const Provenance& provenance);

}  // namespace unpact
