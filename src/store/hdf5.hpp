#pragma once
/// HDF5 without its C interface: checked calls and identifiers that close themselves.
///
/// Every HDF5 call goes through UNPACT_HDF5, which throws RuntimeFailure with call, file, line, rank and the innermost
/// message of HDF5's error stack. HDF5's own printing of that stack is off from the first check on.
#include <hdf5.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace unpact::hdf5 {

/// Stops HDF5 from printing its error stack. Writer, Reader and Id call it; calling it again does nothing.
void silence();

[[noreturn]] void fail(const char* call, const char* file, int line);

/// Passes a result on; negative ones throw RuntimeFailure.
template <class Result>
Result check(Result result, const char* call, const char* file, int line) {
  if (result < 0) [[unlikely]]
    fail(call, file, line);
  return result;
}
#define UNPACT_HDF5(call) (::unpact::hdf5::silence(), ::unpact::hdf5::check(call, #call, __FILE__, __LINE__))

/// Owns an HDF5 identifier of any kind. Move-only; closing in the destructor ignores errors, close() does not.
class Id {
 public:
  Id() = default;
  explicit Id(hid_t id) : id_(id) {}
  ~Id();
  Id(Id&& other) noexcept : id_(std::exchange(other.id_, H5I_INVALID_HID)) {}
  Id& operator=(Id&& other) noexcept {
    std::swap(id_, other.id_);
    return *this;
  }
  operator hid_t() const { return id_; }
  /// @throws RuntimeFailure when HDF5 could not close it (a full disk shows here at the latest).
  void close();

 private:
  hid_t id_ = H5I_INVALID_HID;
};

/// The file type of a number: little-endian on every machine.
template <class T>
hid_t file_type();
/// The memory type of a number.
template <class T>
hid_t memory_type();
template <>
hid_t file_type<std::uint8_t>();
template <>
hid_t file_type<std::int32_t>();
template <>
hid_t file_type<std::int64_t>();
template <>
hid_t file_type<std::uint64_t>();
template <>
hid_t file_type<float>();
template <>
hid_t file_type<double>();
template <>
hid_t memory_type<std::uint8_t>();
template <>
hid_t memory_type<std::int32_t>();
template <>
hid_t memory_type<std::int64_t>();
template <>
hid_t memory_type<std::uint64_t>();
template <>
hid_t memory_type<float>();
template <>
hid_t memory_type<double>();

/// A fixed-length UTF-8 string type of `width` bytes, padded with NUL.
Id fixed_string_type(std::size_t width);
/// The variable-length UTF-8 string type of attributes.
Id text_type();

/// `text` with ill-formed UTF-8 and NUL characters replaced by U+FFFD, as the format stores it.
std::string storable_text(std::string_view text);

/// The width of a dataset of these strings: that of the longest, at least 1.
std::size_t stored_width(const std::vector<std::string>& texts);

/// The version of the HDF5 library in use, e.g. 1.10.8.
std::string library_version();

/// Access properties for one process, without file locks, which some network disks refuse: no file is written under a name
/// that others read, and a finished one never changes.
Id serial_access();

}  // namespace unpact::hdf5
