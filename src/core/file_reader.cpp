#include "unpact/core/file_reader.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

namespace unpact {
namespace {

constexpr std::size_t kBlock = 1 << 20;

}  // namespace

void throw_unreadable(const std::filesystem::path& path, const std::string& reason) {
  throw UnreadableFile(concat("cannot read ", path.string()), reason,
                       "the file itself may be intact: check its permissions and its file system, and try again");
}

FileReader::FileReader(std::filesystem::path path)
    : path_(std::move(path)), descriptor_(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
  if (descriptor_ < 0) {
    const int code = errno;
    UNPACT_VALIDATE(code != ENOENT && code != ENOTDIR && code != ENAMETOOLONG, concat("cannot read ", path_.string()),
                    "there is no such file", "check the path");
    throw_unreadable(path_, std::strerror(code));
  }
  struct stat status {};
  const int code = ::fstat(descriptor_, &status) == 0 ? 0 : errno;
  const bool regular = code != 0 || S_ISREG(status.st_mode);
  if (code != 0 || !regular) ::close(descriptor_);
  if (code != 0) throw_unreadable(path_, std::strerror(code));
  UNPACT_VALIDATE(regular, concat("cannot read ", path_.string()), "it is not a regular file", "check the path");
  size_ = static_cast<std::uintmax_t>(status.st_size);
}

FileReader::~FileReader() { ::close(descriptor_); }

void FileReader::read(std::uintmax_t begin, std::uintmax_t end, const std::function<void(std::string_view)>& take) const {
  std::vector<char> block(static_cast<std::size_t>(std::min<std::uintmax_t>(kBlock, std::max(begin, end) - begin)));
  while (begin < end) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uintmax_t>(block.size(), end - begin));
    const auto count = ::pread(descriptor_, block.data(), wanted, static_cast<off_t>(begin));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_unreadable(path_, std::strerror(errno));
    if (count == 0) throw_unreadable(path_, "it became shorter while it was read");
    take({block.data(), static_cast<std::size_t>(count)});
    begin += static_cast<std::uintmax_t>(count);
  }
}

}  // namespace unpact
