#pragma once
/// The safetensors format: an 8-byte little-endian header length, a JSON header, raw row-major data.
/// Checked as strictly as the format's reference reader (huggingface/safetensors, safetensors/src/tensor.rs).
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace at {
class Tensor;
}

namespace unpact {

/// The reference reader's limit, in bytes.
inline constexpr std::uint64_t kMaxSafetensorsHeader = 100'000'000;

struct TensorEntry {
  std::string dtype;  ///< "F32", "F16", "BF16", "I64", "U8", ...
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0, end = 0;  ///< bytes within the data section
};

/// The header of a safetensors file, without its data.
struct SafetensorsHeader {
  std::map<std::string, TensorEntry> tensors;
  std::map<std::string, std::string> metadata;
  std::uint64_t data_begin = 0;  ///< offset of the data section in the file
};

/// Parses and checks a header. @param file_bytes size of the whole file.
/// @throws UserError naming file and tensor: header length, JSON, offsets that overlap, leave gaps or leave the file,
/// shape x dtype that does not match the bytes, unknown dtype.
SafetensorsHeader parse_safetensors_header(const char* bytes, std::uint64_t available, std::uint64_t file_bytes,
                                           const std::string& where);

/// A memory-mapped file; tensors are views into it as long as this object (or a tensor of it) lives.
class SafetensorsFile {
 public:
  /// @throws UserError also for a Git LFS pointer file, which it names as such.
  explicit SafetensorsFile(const std::filesystem::path& path);
  const SafetensorsHeader& header() const { return header_; }
  bool contains(const std::string& name) const { return header_.tensors.count(name) != 0; }
  /// A read-only view. @throws UserError when there is no such tensor.
  at::Tensor tensor(const std::string& name) const;
  /// Asks the kernel to read the bytes of a contiguous view, or part of one, before they are touched.
  void prefetch(const at::Tensor& view) const;
  /// Gives the pages under a view back: reading them again would read the file again. For views that are read once, so
  /// that a large file does not stay in this process's memory.
  void release(const at::Tensor& view) const;
  const std::filesystem::path& path() const { return path_; }
  /// SHA-256 of the whole file as it is mapped: whatever stands under its name by now. Its pages are given back on the way.
  /// @throws UserError when the file was written to since it was opened: nobody can tell then what was read of it.
  std::string checksum() const;

 private:
  struct Mapping;
  std::shared_ptr<Mapping> mapping_;
  SafetensorsHeader header_;
  std::filesystem::path path_;
};

/// Writes tensors (any device; made contiguous; each name once) in the given order, atomically.
void write_safetensors(const std::filesystem::path& path, const std::vector<std::pair<std::string, at::Tensor>>& tensors,
                       const std::map<std::string, std::string>& metadata = {{"format", "pt"}});

}  // namespace unpact
