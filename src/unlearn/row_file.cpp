#include "row_file.hpp"

#include <ATen/ATen.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "unpact/core/error.hpp"

namespace unpact {
namespace {

/// An open file that closes itself.
class Descriptor {
 public:
  Descriptor(const std::filesystem::path& path, int flags)
      : path_(path), number_(::open(path.c_str(), flags | O_CLOEXEC, 0644)) {
    if (number_ < 0) fail("cannot be opened", errno);
  }
  ~Descriptor() { ::close(number_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }
  [[noreturn]] void fail(const char* what, int code) const {
    throw RuntimeFailure(concat("the cache file ", path_.string(), " ", what), std::strerror(code),
                         "free space there, or set method.cache = memory or none");
  }

 private:
  std::filesystem::path path_;
  int number_;
};

}  // namespace

void make_row_file(const std::filesystem::path& path, std::int64_t bytes) {
  const Descriptor file(path, O_RDWR | O_CREAT | O_TRUNC);
  // Room is taken now: a full disk must not show as a bus error in the middle of a training.
  if (bytes > 0)
    if (const int code = ::posix_fallocate(file.number(), 0, bytes); code != 0) file.fail("cannot be given its size", code);
}

void write_rows(const std::filesystem::path& path, std::int64_t offset, const at::Tensor& rows) {
  UNPACT_EXPECT(rows.is_contiguous() && rows.device().is_cpu());
  const Descriptor file(path, O_WRONLY);
  const auto* bytes = static_cast<const char*>(rows.const_data_ptr());
  auto left = static_cast<std::int64_t>(rows.nbytes());
  while (left > 0) {
    const auto written = ::pwrite(file.number(), bytes, static_cast<std::size_t>(left), offset);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) file.fail("cannot be written", written < 0 ? errno : ENOSPC);
    bytes += written;
    offset += written;
    left -= written;
  }
}

at::Tensor map_rows(const std::filesystem::path& path, std::int64_t rows, std::int64_t width, at::ScalarType dtype) {
  const auto options = at::TensorOptions().dtype(dtype);
  if (rows * width == 0) return at::empty({rows, width}, options);
  const auto needed = rows * width * static_cast<std::int64_t>(c10::elementSize(dtype));
  if (static_cast<std::int64_t>(std::filesystem::file_size(path)) < needed)
    throw RuntimeFailure(concat("the cache file ", path.string(), " is too short"),
                         concat("it must hold ", needed, " bytes"), "remove it and start again");
  return at::from_file(path.string(), /*shared=*/false, rows * width, options).view({rows, width});
}

}  // namespace unpact
