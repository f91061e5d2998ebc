#include "hdf5.hpp"

#include <cstdlib>

#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"

namespace unpact::hdf5 {
namespace {

/// Keeps the first message that is visited; an upward walk starts at the innermost.
herr_t keep_innermost(unsigned, const H5E_error2_t* error, void* text) {
  auto& message = *static_cast<std::string*>(text);
  if (message.empty())
    message = concat(error->desc ? error->desc : "", " (", error->func_name ? error->func_name : "?", ")");
  return 0;
}

/// What a full disk or a file size limit says, through the POSIX driver or through MPI-IO.
bool tells_of_no_space(const std::string& message) {
  for (const char* sign : {"No space left", "NO_SPACE", "no space", "File too large", "quota", "QUOTA"})
    if (message.find(sign) != std::string::npos) return true;
  return false;
}

/// The length of the well-formed UTF-8 character at the start of `text`, 0 when there is none.
std::size_t character_length(std::string_view text) {
  for (std::size_t length = 1; length <= 4 && length <= text.size(); ++length)
    if (is_valid_utf8(text.substr(0, length))) return text[0] == '\0' ? 0 : length;
  return 0;
}

}  // namespace

void silence() {
  static const bool done = [] {
#if !H5_VERSION_GE(1, 10, 7)
    ::setenv("HDF5_USE_FILE_LOCKING", "FALSE", 0);  // see serial_access()
#endif
    return H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr) >= 0;
  }();
  (void)done;
}

void fail(const char* call, const char* file, int line) {
  std::string message;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_innermost, &message);
  H5Eclear2(H5E_DEFAULT);
  const std::string path = file;
  const bool no_space = tells_of_no_space(message);
  throw RuntimeFailure(concat("an HDF5 call failed on rank ", log::rank(), ": ", call),
                       concat(message.empty() ? "HDF5 gave no reason" : message, " (at ",
                              path.substr(path.find_last_of('/') + 1), ":", line, ")"),
                       no_space ? "free some space on that disk and start again" : "check the disk and its file system");
}

Id::~Id() {
  if (id_ >= 0) {
    silence();
    H5Idec_ref(id_);
    H5Eclear2(H5E_DEFAULT);
  }
}

void Id::close() {
  const hid_t id = std::exchange(id_, H5I_INVALID_HID);
  if (id < 0) return;
  switch (H5Iget_type(id)) {
    case H5I_FILE: UNPACT_HDF5(H5Fclose(id)); break;
    case H5I_DATASET: UNPACT_HDF5(H5Dclose(id)); break;
    default: UNPACT_HDF5(H5Idec_ref(id));
  }
}

template <>
hid_t file_type<std::uint8_t>() {
  return H5T_STD_U8LE;
}
template <>
hid_t file_type<std::int32_t>() {
  return H5T_STD_I32LE;
}
template <>
hid_t file_type<std::int64_t>() {
  return H5T_STD_I64LE;
}
template <>
hid_t file_type<std::uint64_t>() {
  return H5T_STD_U64LE;
}
template <>
hid_t file_type<float>() {
  return H5T_IEEE_F32LE;
}
template <>
hid_t file_type<double>() {
  return H5T_IEEE_F64LE;
}
template <>
hid_t memory_type<std::uint8_t>() {
  return H5T_NATIVE_UINT8;
}
template <>
hid_t memory_type<std::int32_t>() {
  return H5T_NATIVE_INT32;
}
template <>
hid_t memory_type<std::int64_t>() {
  return H5T_NATIVE_INT64;
}
template <>
hid_t memory_type<std::uint64_t>() {
  return H5T_NATIVE_UINT64;
}
template <>
hid_t memory_type<float>() {
  return H5T_NATIVE_FLOAT;
}
template <>
hid_t memory_type<double>() {
  return H5T_NATIVE_DOUBLE;
}

Id fixed_string_type(std::size_t width) {
  Id type(UNPACT_HDF5(H5Tcopy(H5T_C_S1)));
  UNPACT_HDF5(H5Tset_size(type, width));
  UNPACT_HDF5(H5Tset_strpad(type, H5T_STR_NULLPAD));
  UNPACT_HDF5(H5Tset_cset(type, H5T_CSET_UTF8));
  return type;
}

Id text_type() {
  Id type(UNPACT_HDF5(H5Tcopy(H5T_C_S1)));
  UNPACT_HDF5(H5Tset_size(type, H5T_VARIABLE));
  UNPACT_HDF5(H5Tset_cset(type, H5T_CSET_UTF8));
  return type;
}

std::string storable_text(std::string_view text) {
  if (text.find('\0') == std::string_view::npos && is_valid_utf8(text)) return std::string(text);
  std::string result;
  while (!text.empty()) {
    const std::size_t length = character_length(text);
    result += length > 0 ? text.substr(0, length) : std::string_view("\xEF\xBF\xBD");
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return result;
}

std::size_t stored_width(const std::vector<std::string>& texts) {
  std::size_t width = 1;
  for (const auto& text : texts) width = std::max(width, storable_text(text).size());
  return width;
}

std::string library_version() {
  unsigned major = 0, minor = 0, release = 0;
  UNPACT_HDF5(H5get_libversion(&major, &minor, &release));
  return concat(major, ".", minor, ".", release);
}

Id serial_access() {
  Id access(UNPACT_HDF5(H5Pcreate(H5P_FILE_ACCESS)));
#if H5_VERSION_GE(1, 10, 7)
  UNPACT_HDF5(H5Pset_file_locking(access, false, true));
#endif
  return access;
}

}  // namespace unpact::hdf5
