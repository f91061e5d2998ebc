#include "reserved_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "unpact/core/atomic_file.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"

namespace unpact::hdf5 {
namespace {

/// The error of reserving, 0 when it worked or cannot be done here.
int reserve(const std::filesystem::path& path, std::size_t bytes) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (descriptor < 0) return errno;
  const int code = ::posix_fallocate(descriptor, 0, static_cast<off_t>(bytes));
  ::close(descriptor);
  if (code != EOPNOTSUPP && code != EINVAL) return code;
  log::detail(concat("the file system of ", path.string(), " cannot reserve space"));
  return 0;
}

}  // namespace

void write_reserved_file(const std::filesystem::path& path, std::string_view content, std::size_t bytes) {
  write_file_in_place(path, content);
  const int code = reserve(path, std::max(bytes, content.size()));
  if (code != 0)
    throw RuntimeFailure(concat("cannot reserve ", bytes, " bytes for ", path.string()), std::strerror(code),
                         "free some space on that disk and start again");
}

}  // namespace unpact::hdf5
