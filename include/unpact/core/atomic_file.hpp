#pragma once
/// Files that appear under their final name only when they are complete and on the disk.
#include <filesystem>
#include <string>
#include <string_view>

namespace unpact {

/// A temporary sibling of `target`. commit() syncs it, renames it to `target` and syncs the folder;
/// without commit() the destructor removes it.
class AtomicFile {
 public:
  /// Creates the target's folder when it is missing. @throws UserError when the folder cannot be written.
  explicit AtomicFile(std::filesystem::path target);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  const std::filesystem::path& temporary_path() const { return temporary_; }
  /// @throws RuntimeFailure when syncing or renaming fails (disk full, say); the target is then untouched.
  void commit();

 private:
  std::filesystem::path target_, temporary_;
  bool committed_ = false;
};

/// Writes `content` to `target` atomically.
void write_file_atomically(const std::filesystem::path& target, std::string_view content);

/// Writes and syncs under the final name: for what says by itself whether it is whole, or has a temporary name already.
/// Creates the folder when it is missing. @throws RuntimeFailure when not all could be written; nothing is left then.
void write_file_in_place(const std::filesystem::path& target, std::string_view content);

/// Syncs a file's (or folder's) content to the disk. @throws RuntimeFailure.
void sync_to_disk(const std::filesystem::path& path);

/// While a folder is replaced, the old one lies beside it under its name with this suffix.
inline constexpr const char* kReplacedSuffix = ".old";

/// Puts a folder back whose replacement was cut short by a kill: where `target` is missing and its old content still lies
/// beside it. Any process may call it, also several at once; where it may not rename anything it does nothing.
void put_back_replaced_folder(const std::filesystem::path& target);

/// Renames a complete folder into place and syncs its parent; an existing `target` is replaced. A kill in between leaves the
/// old or the new one under the final name, or the old one for put_back_replaced_folder().
void rename_folder_durably(const std::filesystem::path& temporary, const std::filesystem::path& target);

/// Removes a folder with all that is in it, also while another process removes the same. @throws RuntimeFailure when some
/// of it stays.
void remove_folder(const std::filesystem::path& folder);

/// The whole file. @throws UserError when it is missing or larger than `max_bytes`, UnreadableFile (file_reader.hpp).
std::string read_file(const std::filesystem::path& path, std::uintmax_t max_bytes = 1ULL << 32);

/// Makes sure that files can be created in `folder`, creating it if need be. @throws UserError.
void require_writable_folder(const std::filesystem::path& folder);

/// The same by one question where all is well, instead of four. Where a file system answers wrongly, the first writing fails.
void expect_writable_folder(const std::filesystem::path& folder);

}  // namespace unpact
