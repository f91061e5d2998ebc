#pragma once
#include <hdf5.h>

#include <cstddef>
#include <string_view>

namespace unpact::hdf5 {

/// The bytes of an HDF5 file that is built in memory. HDF5 never touches the disk, so that a full one is met by our own
/// code, outside of HDF5. (H5Fget_file_image would do, but in HDF5 1.10 it breaks the superblock's checksum.)
class MemoryFile {
 public:
  MemoryFile() = default;
  ~MemoryFile();
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  /// Makes a file that is created with these access properties live here. This object must outlive that file.
  void attach(hid_t access);
  /// The file, once it is closed.
  std::string_view content() const;

 private:
  static void* allocate(std::size_t bytes, H5FD_file_image_op_t operation, void* self);
  static void* resize(void* data, std::size_t bytes, H5FD_file_image_op_t operation, void* self);
  static herr_t release(void* data, H5FD_file_image_op_t operation, void* self);

  void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace unpact::hdf5
