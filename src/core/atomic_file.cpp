#include "unpact/core/atomic_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "unpact/core/error.hpp"
#include "unpact/core/file_reader.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void fail(const std::string& action, const fs::path& path, int code) {
  throw RuntimeFailure(concat("cannot ", action, " ", path.string()), std::strerror(code),
                       code == ENOSPC || code == EDQUOT ? "free some space on that disk and start again"
                                                        : "check the disk, the folder and its permissions");
}

/// No two processes of a shared file system have the same: process ids repeat from host to host.
std::string process_name() {
  char host[256] = {};
  if (::gethostname(host, sizeof(host) - 1) != 0) return concat(::getpid());
  return concat(host, ".", ::getpid());
}

fs::path parent_of(const fs::path& path) { return path.has_parent_path() ? path.parent_path() : fs::path("."); }

fs::path temporary_of(const fs::path& target) {
  return parent_of(target) / concat(".", target.filename().string(), ".tmp.", process_name());
}

/// @return an error's number, or 0.
int write_and_sync(int descriptor, std::string_view content) {
  while (!content.empty()) {
    const auto written = ::write(descriptor, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return ::fsync(descriptor) == 0 ? 0 : errno;
}

/// Where a folder lies while another one takes its place. "folder/" is "folder".
fs::path replaced_name(const fs::path& target) {
  const auto folder = target.has_filename() ? target : target.parent_path();
  return folder.string() + kReplacedSuffix;
}

}  // namespace

void sync_to_disk(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail("open", path, errno);
  const int result = ::fsync(descriptor);
  const int code = errno;
  ::close(descriptor);
  // Some network file systems cannot sync a folder and say so with EINVAL; that is no failure of the data.
  if (result != 0 && !(code == EINVAL && fs::is_directory(path))) fail("sync", path, code);
}

void require_writable_folder(const fs::path& folder) {
  std::error_code code;
  fs::create_directories(folder, code);
  UNPACT_VALIDATE(!code && fs::is_directory(folder), concat("cannot create the folder ", folder.string()),
                  code ? code.message() : "a file of that name is in the way",
                  "choose another folder or fix its permissions");
  const fs::path probe = folder / concat(".unpact-write-test.", process_name());
  const int descriptor = ::open(probe.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  UNPACT_VALIDATE(descriptor >= 0, concat("cannot write into the folder ", folder.string()), std::strerror(errno),
                  "choose another folder or fix its permissions");
  ::close(descriptor);
  fs::remove(probe, code);
}

void expect_writable_folder(const fs::path& folder) {
  if (::access((folder / ".").c_str(), W_OK | X_OK) != 0) require_writable_folder(folder);
}

AtomicFile::AtomicFile(fs::path target) : target_(std::move(target)) {
  expect_writable_folder(parent_of(target_));
  temporary_ = temporary_of(target_);
}

AtomicFile::~AtomicFile() {
  std::error_code ignored;
  if (!committed_) fs::remove(temporary_, ignored);
}

void AtomicFile::commit() {
  sync_to_disk(temporary_);
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail("rename to", target_, errno);
  committed_ = true;
  sync_to_disk(parent_of(target_));
}

namespace {

/// @param target what a failure to write names.
void write_to(const fs::path& file, const fs::path& target, std::string_view content) {
  const auto create = [&] { return ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666); };
  int descriptor = create();
  // There may be no folder yet; looking before each writing costs a shared file system as much as the writing.
  if (descriptor < 0 && (errno == ENOENT || errno == EACCES || errno == ENOTDIR)) {
    require_writable_folder(parent_of(file));
    descriptor = create();
  }
  if (descriptor < 0) fail("create", file, errno);
  int code = write_and_sync(descriptor, content);
  if (::close(descriptor) != 0 && code == 0 && errno != EINTR) code = errno;  // where network file systems may say it first
  if (code == 0) return;
  ::unlink(file.c_str());
  fail("write", target, code);
}

}  // namespace

void write_file_in_place(const fs::path& target, std::string_view content) { write_to(target, target, content); }

void write_file_atomically(const fs::path& target, std::string_view content) {
  const auto temporary = temporary_of(target);
  write_to(temporary, target, content);
  if (::rename(temporary.c_str(), target.c_str()) != 0) {
    const int reason = errno;
    ::unlink(temporary.c_str());
    fail("rename to", target, reason);
  }
  sync_to_disk(parent_of(target));
}

void rename_folder_durably(const fs::path& temporary, const fs::path& target) {
  for (const auto& entry : fs::recursive_directory_iterator(temporary))
    if (entry.is_regular_file()) sync_to_disk(entry.path());
  sync_to_disk(temporary);
  std::error_code code;
  const auto old = replaced_name(target);
  put_back_replaced_folder(target);  // else the next lines could remove the only copy
  bool replaces = fs::exists(target);
  constexpr int kTries = 3;  // a reader in between may put the old folder back
  for (int i = 1; i <= kTries; ++i) {
    if (replaces) {
      fs::remove_all(old, code);
      if (::rename(target.c_str(), old.c_str()) != 0 && errno != ENOENT) fail("move aside", target, errno);
    }
    if (::rename(temporary.c_str(), target.c_str()) == 0) break;
    if (i == kTries || (errno != ENOTEMPTY && errno != EEXIST)) fail("rename to", target, errno);
    replaces = true;
  }
  sync_to_disk(parent_of(target));
  if (replaces) fs::remove_all(old, code);
}

void put_back_replaced_folder(const fs::path& target) {
  std::error_code code;
  const auto old = replaced_name(target);
  if (fs::exists(target, code) || !fs::is_directory(old, code)) return;
  // Fails where another process was quicker or the place is read-only: readers say what is missing.
  fs::rename(old, target, code);
}

void remove_folder(const std::filesystem::path& folder) {
  std::error_code code;
  for (int tries = 0; tries < 100; ++tries) {  // an entry that vanishes on the way is an error of remove_all
    fs::remove_all(folder, code);
    if (!code || !fs::exists(folder)) return;
  }
  throw RuntimeFailure(concat("cannot remove ", folder.string()), code.message(), "check the folder and its permissions");
}

std::string read_file(const fs::path& path, std::uintmax_t max_bytes) {
  const FileReader file(path);
  UNPACT_VALIDATE(file.size() <= max_bytes, concat("refusing to read ", path.string()),
                  concat("it has ", file.size(), " bytes, more than the limit of ", max_bytes),
                  "check that this is the right file");
  std::string content;
  content.reserve(file.size());
  file.read(0, file.size(), [&](std::string_view block) { content += block; });
  return content;
}

}  // namespace unpact
