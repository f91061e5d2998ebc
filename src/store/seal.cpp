#include "seal.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>

#include "unpact/core/checksum.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/file_reader.hpp"

namespace unpact {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "\nunpact-seal sha256:";
constexpr std::size_t kSealBytes = kPrefix.size() + 64 + 1;

std::string text_of(const FileReader& file, std::uintmax_t begin) {
  std::string text;
  file.read(begin, file.size(), [&](std::string_view block) { text += block; });
  return text;
}

/// That of a file's first bytes.
std::string seal_of(const FileReader& file, std::uintmax_t bytes) {
  return concat(kPrefix, sha256_of_start(file, bytes), "\n");
}

}  // namespace

void append_seal(const fs::path& path) {
  const FileReader file(path);
  const std::string seal = seal_of(file, file.size());
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  errno = 0;
  const bool written = descriptor >= 0 && ::write(descriptor, seal.data(), seal.size()) == static_cast<ssize_t>(seal.size());
  const int code = errno;
  if (descriptor >= 0) ::close(descriptor);
  if (!written)
    throw RuntimeFailure(concat("cannot seal the results file ", path.string()),
                         code != 0 ? std::strerror(code) : "the disk took only a part",
                         "free some space on that disk and start again");
}

void require_seal(const fs::path& path) {
  const FileReader file(path);
  const auto end = file.size() - std::min<std::uintmax_t>(file.size(), kSealBytes);
  const auto seal = text_of(file, end);
  UNPACT_VALIDATE(end > 0 && seal.starts_with(kPrefix), concat("cannot use the results file ", path.string()),
                  "it does not end with a seal: it is truncated, was changed, or is not a results file",
                  "delete it and run the cell again, or restore a copy");
  UNPACT_VALIDATE(seal == seal_of(file, end), concat("cannot use the results file ", path.string()),
                  "its bytes do not match its seal: it was damaged or changed after it was written",
                  "delete it and run the cell again, or restore a copy");
}

}  // namespace unpact
