#pragma once
#include <cstddef>
#include <filesystem>
#include <string_view>

namespace unpact::hdf5 {

/// Writes `content` to a new file and reserves disk space up to `bytes`. The file is `bytes` long, zeros behind the
/// content. A file system that cannot reserve gets no reservation. @throws RuntimeFailure when there is no space.
void write_reserved_file(const std::filesystem::path& path, std::string_view content, std::size_t bytes);

}  // namespace unpact::hdf5
