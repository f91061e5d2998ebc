#pragma once
/// A file of rows that several ranks write and all map.
#include <ATen/core/Tensor.h>

#include <filesystem>

namespace unpact {

/// A file of `bytes` bytes, all zero. @throws RuntimeFailure when the disk is full.
void make_row_file(const std::filesystem::path& path, std::int64_t bytes);

/// Writes a contiguous CPU tensor at this byte. @throws RuntimeFailure.
void write_rows(const std::filesystem::path& path, std::int64_t offset, const at::Tensor& rows);

/// The file as a tensor whose pages are read when they are used. @throws RuntimeFailure when it is too short.
at::Tensor map_rows(const std::filesystem::path& path, std::int64_t rows, std::int64_t width, at::ScalarType dtype);

}  // namespace unpact
