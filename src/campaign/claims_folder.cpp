#include "claims_folder.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "unpact/core/error.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kMark = ".claim.";

/// Writes, so that other nodes see it soon, and closes. @return an error's number, or 0; ENOSPC where less was written.
int write_and_close(int descriptor, const std::string& content) {
  const auto written = ::pwrite(descriptor, content.data(), content.size(), 0);
  int code = written < 0 ? errno : written == static_cast<ssize_t>(content.size()) ? 0 : ENOSPC;
  ::fsync(descriptor);  // a failure shows at the next renewal
  ::close(descriptor);
  return code;
}

}  // namespace

fs::path claim_file(const fs::path& folder, const std::string& name, std::int64_t generation) {
  return folder / concat(name, kMark, generation);
}

ClaimsListing list_claims_folder(const fs::path& folder) {
  ClaimsListing listing;
  std::error_code code;
  for (fs::directory_iterator entry(folder, code), end; !code && entry != end; entry.increment(code)) {
    const auto file = entry->path().filename().string();
    const auto mark = file.rfind(kMark);
    if (mark == std::string::npos) continue;
    const char *first = file.data() + mark + kMark.size(), *end_of_name = file.data() + file.size();
    std::int64_t generation = 0;
    const auto [last, error] = std::from_chars(first, end_of_name, generation);
    if (error == std::errc() && last == end_of_name) listing.generations[file.substr(0, mark)].push_back(generation);
  }
  if (code && code != std::errc::no_such_file_or_directory)
    throw RuntimeFailure(concat("cannot look into ", folder.string()), code.message(),
                         "check the disk and the folder's permissions");
  for (auto& [name, generations] : listing.generations) std::sort(generations.begin(), generations.end());
  return listing;
}

bool create_exclusively(const fs::path& file, const std::string& content) {
  const auto create = [&] { return ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644); };
  int descriptor = create();
  if (descriptor < 0 && errno == ENOENT) {
    std::error_code ignored;
    fs::create_directories(file.parent_path(), ignored);
    descriptor = create();
  }
  if (descriptor < 0) {
    if (errno == EEXIST) return false;
    throw RuntimeFailure(concat("cannot create ", file.string()), std::strerror(errno),
                         "check the disk, the folder and its permissions");
  }
  const int code = write_and_close(descriptor, content);
  if (code == 0) return true;
  ::unlink(file.c_str());
  throw RuntimeFailure(concat("cannot write ", file.string()), std::strerror(code), "free some space");
}

bool write_in_place(const fs::path& file, const std::string& content,
                    const std::function<bool(const std::string&)>& is_own) {
  const int descriptor = ::open(file.c_str(), O_RDWR | O_CLOEXEC);
  if (descriptor < 0 && errno == ENOENT) return false;
  int code = descriptor < 0 ? errno : 0;
  if (code == 0) {
    std::string before(content.size(), '\0');
    const auto bytes = ::pread(descriptor, before.data(), before.size(), 0);
    before.resize(static_cast<std::size_t>(std::max<ssize_t>(bytes, 0)));
    if (!is_own(before)) {
      ::close(descriptor);
      return false;
    }
    code = write_and_close(descriptor, content);
  }
  if (code != 0)
    throw RuntimeFailure(concat("cannot write ", file.string()), std::strerror(code), "check the disk and the folder");
  return true;
}

}  // namespace unpact
