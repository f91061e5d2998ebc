#include "unpact/checkpoint/safetensors.hpp"

#include <ATen/ATen.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "unpact/core/atomic_file.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/json.hpp"

namespace unpact {
namespace {

const std::vector<std::pair<std::string, at::ScalarType>>& dtype_names() {
  static const std::vector<std::pair<std::string, at::ScalarType>> names = {
      {"F64", at::kDouble}, {"F32", at::kFloat}, {"F16", at::kHalf}, {"BF16", at::kBFloat16}, {"I64", at::kLong},
      {"I32", at::kInt},    {"I16", at::kShort}, {"I8", at::kChar},  {"U8", at::kByte},       {"BOOL", at::kBool}};
  return names;
}

std::string name_of(at::ScalarType type) {
  for (const auto& [name, scalar] : dtype_names())
    if (scalar == type) return name;
  throw ContractViolation("precondition", "a dtype that safetensors knows", __FILE__, __LINE__);
}

}  // namespace

struct SafetensorsFile::Mapping {
  explicit Mapping(const std::filesystem::path& path) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    UNPACT_VALIDATE(descriptor >= 0, concat("cannot read ", path.string()), std::strerror(errno), "check the path");
    struct stat info {};
    const bool known = ::fstat(descriptor, &info) == 0 && S_ISREG(info.st_mode);
    size = known ? static_cast<std::size_t>(info.st_size) : 0;
    opened = info;
    if (size > 0) data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    const int code = errno;
    ::close(descriptor);
    UNPACT_VALIDATE(known, concat("cannot read ", path.string()), "it is not a regular file", "check the path");
    if (data == MAP_FAILED) {
      data = nullptr;
      throw RuntimeFailure(concat("cannot map ", path.string()), std::strerror(code), "check memory limits (ulimit -v)");
    }
  }
  ~Mapping() {
    if (data != nullptr) ::munmap(data, size);
  }
  /// Whether the file that is mapped was written to since; one that only lost its name was not.
  bool was_changed(const std::filesystem::path& path) const {
    struct stat now {};
    if (::stat(path.c_str(), &now) != 0 || now.st_dev != opened.st_dev || now.st_ino != opened.st_ino) return false;
    return now.st_size != opened.st_size || now.st_mtim.tv_sec != opened.st_mtim.tv_sec ||
           now.st_mtim.tv_nsec != opened.st_mtim.tv_nsec;
  }
  /// Whole pages within, or around, `bytes` bytes at `begin`; nothing when these lie outside the mapping.
  void advise(const void* begin, std::size_t bytes, int advice, bool around) const {
    const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    const auto base = reinterpret_cast<std::uintptr_t>(data), first = reinterpret_cast<std::uintptr_t>(begin);
    if (first < base || first + bytes > base + size) return;  // a copy of unaligned data
    const auto down = [&](std::uintptr_t address) { return address / page * page; };
    const auto up = [&](std::uintptr_t address) { return down(address + page - 1); };
    const auto from = around ? down(first) : up(first), to = around ? up(first + bytes) : down(first + bytes);
    // Advice only: a kernel that does not know it changes nothing but the speed.
    if (from < to) ::madvise(reinterpret_cast<void*>(from), to - from, advice);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  void* data = nullptr;
  std::size_t size = 0;
  struct stat opened {};
};

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path)
    : mapping_(std::make_shared<Mapping>(path)), path_(path) {
  header_ =
      parse_safetensors_header(static_cast<const char*>(mapping_->data), mapping_->size, mapping_->size, path.string());
}

at::Tensor SafetensorsFile::tensor(const std::string& name) const {
  const auto it = header_.tensors.find(name);
  UNPACT_VALIDATE(it != header_.tensors.end(), concat(path_.string(), ": tensor '", name, "' is missing"),
                  "the model needs it", "check that config.json belongs to these weights");
  const auto& entry = it->second;
  for (const auto& [dtype, scalar] : dtype_names()) {
    if (dtype != entry.dtype) continue;
    auto keep_alive = mapping_;
    char* begin = static_cast<char*>(mapping_->data) + header_.data_begin + entry.begin;
    // Data that is not aligned to its type (the format allows it) is copied out; the rest stays a view of the file.
    if (reinterpret_cast<std::uintptr_t>(begin) % at::elementSize(scalar) != 0) {
      auto copy = at::empty(entry.shape, at::TensorOptions().dtype(scalar));
      if (copy.numel() > 0) std::memcpy(copy.data_ptr(), begin, entry.end - entry.begin);
      return copy;
    }
    return at::from_blob(
        begin, entry.shape, [keep_alive](void*) {}, at::TensorOptions().dtype(scalar));
  }
  throw UserError(concat(path_.string(), ": tensor '", name, "' has dtype ", entry.dtype),
                  "weights must be F32, F16 or BF16", "convert the checkpoint");
}

void SafetensorsFile::prefetch(const at::Tensor& view) const {
  UNPACT_EXPECT(view.is_contiguous());
#ifdef MADV_POPULATE_READ  // Linux 5.14: maps the pages at once instead of a fault for every few of them
  mapping_->advise(view.const_data_ptr(), view.nbytes(), MADV_POPULATE_READ, /*around=*/true);
#else
  mapping_->advise(view.const_data_ptr(), view.nbytes(), MADV_WILLNEED, /*around=*/true);
#endif
}

void SafetensorsFile::release(const at::Tensor& view) const {
  UNPACT_EXPECT(view.is_contiguous());
  mapping_->advise(view.const_data_ptr(), view.nbytes(), MADV_DONTNEED, /*around=*/false);
}

std::string SafetensorsFile::checksum() const {
  constexpr std::size_t kPiece = 8 << 20;
  const auto* const data = static_cast<const char*>(mapping_->data);
  std::size_t begin = 0, end = 0;
  const auto sum = sha256_of_pieces([&] {
    if (end > begin) mapping_->advise(data + begin, end - begin, MADV_DONTNEED, /*around=*/false);
    begin = end;
    end = std::min(begin + kPiece, mapping_->size);
    return std::string_view(data + begin, end - begin);
  });
  UNPACT_VALIDATE(!mapping_->was_changed(path_), concat(path_.string(), " was written to while it was read"),
                  "parts of it may be old and parts new", "let nothing write there, and start again");
  return sum;
}

void write_safetensors(const std::filesystem::path& path, const std::vector<std::pair<std::string, at::Tensor>>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  Json header;
  for (const auto& [key, value] : metadata) header["__metadata__"][key] = value;
  std::uint64_t offset = 0;
  for (const auto& [name, tensor] : tensors) {
    const std::uint64_t end = offset + tensor.nbytes();
    UNPACT_EXPECT(!header.contains(name));
    header[name] = {
        {"dtype", name_of(tensor.scalar_type())}, {"shape", tensor.sizes().vec()}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');  // the data starts aligned
  UNPACT_EXPECT(text.size() <= kMaxSafetensorsHeader);
  AtomicFile file(path);
  std::ofstream out(file.temporary_path(), std::ios::binary);
  const std::uint64_t length = text.size();
  out.write(reinterpret_cast<const char*>(&length), 8);
  out.write(text.data(), static_cast<std::streamsize>(text.size()));
  for (const auto& [name, tensor] : tensors) {
    const auto host = tensor.detach().to(at::kCPU).contiguous();
    out.write(static_cast<const char*>(host.data_ptr()), static_cast<std::streamsize>(host.nbytes()));
  }
  out.close();
  if (!out)
    throw RuntimeFailure(concat("cannot write ", path.string()), std::strerror(errno), "check the space on that disk");
  file.commit();
}

}  // namespace unpact
