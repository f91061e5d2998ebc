#include "seal.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>

#include "unpact/core/checksum.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "\nunpact-seal sha256:";
constexpr std::size_t kSealBytes = kPrefix.size() + 64 + 1;

/// A file's bytes, without reading them all into memory.
class MappedFile {
 public:
  explicit MappedFile(const fs::path& path) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    struct stat status {};
    if (descriptor >= 0 && ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0) {
      bytes_ = static_cast<std::size_t>(status.st_size);
      data_ = ::mmap(nullptr, bytes_, PROT_READ, MAP_PRIVATE, descriptor, 0);
      if (data_ == MAP_FAILED) bytes_ = 0;
    }
    if (descriptor >= 0) ::close(descriptor);
  }
  ~MappedFile() {
    if (bytes_ > 0) ::munmap(data_, bytes_);
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  std::string_view content() const { return {static_cast<const char*>(data_), bytes_}; }

 private:
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

std::string seal_of(std::string_view content) { return concat(kPrefix, sha256_of_bytes(content), "\n"); }

}  // namespace

void append_seal(const fs::path& path) {
  const std::string seal = seal_of(MappedFile(path).content());
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
  std::error_code ignored;
  UNPACT_VALIDATE(fs::is_regular_file(path, ignored), concat("cannot open the results file ", path.string()),
                  "there is no such file", "check the path");
  const MappedFile file(path);
  const std::string_view all = file.content();
  const bool sealed = all.size() > kSealBytes && all.substr(all.size() - kSealBytes, kPrefix.size()) == kPrefix;
  UNPACT_VALIDATE(sealed, concat("cannot use the results file ", path.string()),
                  "it does not end with a seal: it is truncated, was changed, or is not a results file",
                  "delete it and run the cell again, or restore a copy");
  const std::size_t end = all.size() - kSealBytes;
  UNPACT_VALIDATE(all.substr(end) == seal_of(all.substr(0, end)), concat("cannot use the results file ", path.string()),
                  "its bytes do not match its seal: it was damaged or changed after it was written",
                  "delete it and run the cell again, or restore a copy");
}

}  // namespace unpact
