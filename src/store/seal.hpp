#pragma once
/// The last line of a results file: a checksum of everything before it.
///
/// HDF5 ignores bytes behind its own end, but it does not survive damage everywhere (a flipped bit in the heap that holds
/// the text of attributes can crash it), so damage has to be noticed before HDF5 sees the file.
#include <filesystem>

namespace unpact {

/// Appends the seal. @throws RuntimeFailure.
void append_seal(const std::filesystem::path& path);

/// @throws UserError when the file is missing, has no seal, or was changed or cut after it was sealed; UnreadableFile
/// (core/file_reader.hpp) when nothing can be said about it.
void require_seal(const std::filesystem::path& path);

}  // namespace unpact
