#pragma once
/// Reading files block by block, with the system's reason where that fails.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string_view>

#include "unpact/core/error.hpp"

namespace unpact {

/// A file is there but cannot be read now (EACCES, EIO, ESTALE, ENOLCK ...). It may well be intact: nobody may take it for
/// damaged, and nothing may be made anew in its place.
class UnreadableFile : public RuntimeFailure {
 public:
  using RuntimeFailure::RuntimeFailure;
};

/// @param reason the system's, or a library's.
[[noreturn]] void throw_unreadable(const std::filesystem::path& path, const std::string& reason);

class FileReader {
 public:
  /// @throws UserError when there is no such file or it is not a regular one. UnreadableFile.
  explicit FileReader(std::filesystem::path path);
  ~FileReader();
  FileReader(const FileReader&) = delete;
  FileReader& operator=(const FileReader&) = delete;

  std::uintmax_t size() const { return size_; }
  /// Bytes [begin, end) in order, in blocks. @throws UnreadableFile.
  void read(std::uintmax_t begin, std::uintmax_t end, const std::function<void(std::string_view)>& take) const;

 private:
  std::filesystem::path path_;
  int descriptor_;
  std::uintmax_t size_ = 0;
};

}  // namespace unpact
