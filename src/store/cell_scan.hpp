#pragma once
/// What lies in a campaign's folder, as the files themselves say.
#include <filesystem>
#include <string>
#include <vector>

#include "reader.hpp"
#include "unpact/store/cell_places.hpp"

namespace unpact {

/// A results file found.
struct FoundCell {
  PlannedCell cell;                         ///< a file that cannot be read keeps its name as id
  std::string baseline_fingerprint, ended;  ///< of the target's answers that it compares with; empty before format 1.4
  std::string finding;                      ///< why it cannot be read; empty: it is intact
};

/// A results file of a cell, its bytes as they were sealed. @throws what require_seal, Reader and require_schema throw.
hdf5::Reader open_cell(const std::filesystem::path& file);

/// Never throws for what the file says. @param id of a file that cannot be read; empty: its name.
FoundCell describe_cell(const std::filesystem::path& file, const std::string& id = {});

/// The first digits, enough to tell the settings of one folder apart.
std::string short_fingerprint(const std::string& fingerprint);

/// NAME.FINGERPRINT.h5, with the first digits of it.
std::string with_fingerprint(const std::string& name, const std::string& fingerprint);

/// Where a cell of other settings is kept.
std::filesystem::path other_cell_file(const std::filesystem::path& folder, const std::string& id,
                                      const std::string& fingerprint);

/// The results files below a folder, sorted; none when it is not there.
std::vector<std::filesystem::path> results_below(const std::filesystem::path& folder);

/// The results files below `folder`/cells, sorted.
std::vector<std::filesystem::path> cell_files(const std::filesystem::path& folder);

/// And those below `folder`/other.
std::vector<std::filesystem::path> other_cell_files(const std::filesystem::path& folder);

}  // namespace unpact
