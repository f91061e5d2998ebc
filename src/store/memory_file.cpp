#include "memory_file.hpp"

#include <cstdlib>
#include <cstring>

#include "unpact/core/error.hpp"
#include "hdf5.hpp"

namespace unpact::hdf5 {
namespace {

constexpr std::size_t kGrowth = 8 << 20;
/// Where a superblock of version 2 or 3 has the end of the file (HDF5 File Format Specification 3.0, II.A.2): memory
/// grows in steps and is longer than the file, and no public call of this driver tells how long the file is.
constexpr std::size_t kEndOffset = 28;

void* copy(void* to, const void* from, std::size_t bytes, H5FD_file_image_op_t, void*) {
  return std::memcpy(to, from, bytes);
}
void* share_self(void* self) { return self; }
herr_t keep_self(void*) { return 0; }

}  // namespace

MemoryFile::~MemoryFile() { std::free(data_); }

void MemoryFile::attach(hid_t access) {
  H5FD_file_image_callbacks_t calls{allocate, copy, resize, release, share_self, keep_self, this};
  UNPACT_HDF5(H5Pset_file_image_callbacks(access, &calls));
  UNPACT_HDF5(H5Pset_fapl_core(access, kGrowth, false));
}

std::string_view MemoryFile::content() const {
  UNPACT_EXPECT(data_ != nullptr && bytes_ >= kEndOffset + 8);
  const auto* bytes = static_cast<const unsigned char*>(data_);
  UNPACT_EXPECT((bytes[8] == 2 || bytes[8] == 3) && bytes[9] == 8);  // version, bytes of an offset
  std::uint64_t end = 0;
  for (std::size_t i = 8; i-- > 0;) end = end << 8 | bytes[kEndOffset + i];
  UNPACT_ENSURE(end <= bytes_);
  return {reinterpret_cast<const char*>(bytes), end};
}

void* MemoryFile::allocate(std::size_t bytes, H5FD_file_image_op_t operation, void* self) {
  return resize(nullptr, bytes, operation, self);
}

void* MemoryFile::resize(void* data, std::size_t bytes, H5FD_file_image_op_t operation, void* self) {
  if (operation == H5FD_FILE_IMAGE_OP_FILE_RESIZE) static_cast<MemoryFile*>(self)->bytes_ = bytes;
  return std::realloc(data, bytes);
}

herr_t MemoryFile::release(void* data, H5FD_file_image_op_t operation, void* self) {
  if (operation == H5FD_FILE_IMAGE_OP_FILE_CLOSE)
    static_cast<MemoryFile*>(self)->data_ = data;  // HDF5 is done with it: it is ours now
  else std::free(data);
  return 0;
}

}  // namespace unpact::hdf5
