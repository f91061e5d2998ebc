#include "reader.hpp"

#include <algorithm>
#include <type_traits>

#include "unpact/core/error.hpp"
#include "unpact/core/file_reader.hpp"

namespace unpact::hdf5 {
namespace {

namespace fs = std::filesystem;

/// gzip cannot shrink data more than this; a dataset that claims more than its storage can hold is broken or forged.
constexpr std::uintmax_t kLargestRatio = 1100;

[[noreturn]] void refuse(const std::string& file, const std::string& reason) {
  throw UserError(concat("cannot use the results file ", file), reason,
                  "it is damaged or was not written by unpact; make it again");
}

herr_t collect_name(hid_t, const char* name, const H5L_info_t*, void* names) {
  static_cast<std::vector<std::string>*>(names)->emplace_back(name);
  return 0;
}

template <class T>
constexpr H5T_class_t class_of() {
  return std::is_floating_point_v<T> ? H5T_FLOAT : H5T_INTEGER;
}

}  // namespace

Reader::Reader(const fs::path& path) : name_(path.string()) {
  file_bytes_ = FileReader(path).size();
  const Id access = serial_access();
  file_ = Id(UNPACT_HDF5(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access)));
}

Id Reader::open_attribute(hid_t object, const std::string& name, H5T_class_t wanted) const {
  if (UNPACT_HDF5(H5Aexists(object, name.c_str())) == 0) refuse(name_, concat("it has no attribute '", name, "'"));
  Id attribute(UNPACT_HDF5(H5Aopen(object, name.c_str(), H5P_DEFAULT)));
  const Id type(UNPACT_HDF5(H5Aget_type(attribute)));
  const Id space(UNPACT_HDF5(H5Aget_space(attribute)));
  const bool is_text = wanted == H5T_STRING;
  if (UNPACT_HDF5(H5Tget_class(type)) != wanted || (is_text && UNPACT_HDF5(H5Tis_variable_str(type)) == 0) ||
      UNPACT_HDF5(H5Sget_simple_extent_type(space)) != H5S_SCALAR)
    refuse(name_, concat("its attribute '", name, "' has another type than the format says"));
  return attribute;
}

std::string Reader::read_text(hid_t object, const std::string& name) const {
  const Id attribute = open_attribute(object, name, H5T_STRING);
  const Id type = text_type();
  char* data = nullptr;
  UNPACT_HDF5(H5Aread(attribute, type, &data));
  const std::string result = data != nullptr ? data : "";
  if (data != nullptr) UNPACT_HDF5(H5free_memory(data));
  return result;
}

Id Reader::open_group(const std::string& path) const { return Id(UNPACT_HDF5(H5Gopen2(file_, path.c_str(), H5P_DEFAULT))); }

std::string Reader::text(const std::string& name) const { return read_text(file_, name); }

std::string Reader::group_text(const std::string& path, const std::string& name) const {
  return read_text(open_group(path), name);
}

std::int64_t Reader::integer(const std::string& name) const {
  std::int64_t result = 0;
  const Id attribute = open_attribute(file_, name, H5T_INTEGER);
  UNPACT_HDF5(H5Aread(attribute, H5T_NATIVE_INT64, &result));
  return result;
}

double Reader::real(const std::string& name) const {
  double result = 0;
  const Id attribute = open_attribute(file_, name, H5T_FLOAT);
  UNPACT_HDF5(H5Aread(attribute, H5T_NATIVE_DOUBLE, &result));
  return result;
}

bool Reader::has_attribute(const std::string& name) const { return UNPACT_HDF5(H5Aexists(file_, name.c_str())) > 0; }

bool Reader::has_group_attribute(const std::string& path, const std::string& name) const {
  return UNPACT_HDF5(H5Aexists(open_group(path), name.c_str())) > 0;
}

bool Reader::has(const std::string& path) const {
  // H5Lexists wants every step of the way to exist.
  for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    if (UNPACT_HDF5(H5Lexists(file_, path.substr(0, end).c_str(), H5P_DEFAULT)) == 0) return false;
    if (end == std::string::npos) return true;
  }
}

std::vector<std::string> Reader::members(const std::string& group) const {
  std::vector<std::string> names;
  hsize_t at = 0;
  const Id id(UNPACT_HDF5(H5Gopen2(file_, group.c_str(), H5P_DEFAULT)));
  UNPACT_HDF5(H5Literate(id, H5_INDEX_NAME, H5_ITER_INC, &at, collect_name, &names));
  std::sort(names.begin(), names.end());
  return names;
}

std::size_t Reader::items(hid_t dataset) const {
  const Id space(UNPACT_HDF5(H5Dget_space(dataset)));
  return static_cast<std::size_t>(UNPACT_HDF5(H5Sget_simple_extent_npoints(space)));
}

Id Reader::open_dataset(const std::string& path, H5T_class_t wanted, std::size_t item_bytes) const {
  if (!has(path)) refuse(name_, concat("it has no dataset ", path));
  Id dataset(UNPACT_HDF5(H5Dopen2(file_, path.c_str(), H5P_DEFAULT)));
  const Id type(UNPACT_HDF5(H5Dget_type(dataset)));
  if (UNPACT_HDF5(H5Tget_class(type)) != wanted || (wanted == H5T_STRING && UNPACT_HDF5(H5Tis_variable_str(type)) > 0))
    refuse(name_, concat("its dataset ", path, " has another type than the format says"));
  const std::size_t bytes = std::max(item_bytes, H5Tget_size(type));
  const auto stored = std::min<std::uintmax_t>(H5Dget_storage_size(dataset), file_bytes_);
  if (items(dataset) > stored * kLargestRatio / bytes)
    refuse(name_, concat("its dataset ", path, " claims more values than its ", stored, " bytes can hold"));
  return dataset;
}

template <class T>
std::vector<T> Reader::numbers(const std::string& path) const {
  const Id dataset = open_dataset(path, class_of<T>(), sizeof(T));
  std::vector<T> values(items(dataset));
  UNPACT_HDF5(H5Dread(dataset, memory_type<T>(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()));
  return values;
}
template std::vector<std::uint8_t> Reader::numbers(const std::string&) const;
template std::vector<std::int32_t> Reader::numbers(const std::string&) const;
template std::vector<std::int64_t> Reader::numbers(const std::string&) const;
template std::vector<std::uint64_t> Reader::numbers(const std::string&) const;
template std::vector<float> Reader::numbers(const std::string&) const;
template std::vector<double> Reader::numbers(const std::string&) const;

std::vector<std::string> Reader::strings(const std::string& path) const {
  const Id dataset = open_dataset(path, H5T_STRING, 1);
  const Id type(UNPACT_HDF5(H5Dget_type(dataset)));
  const std::size_t width = H5Tget_size(type), count = items(dataset);
  const Id memory = fixed_string_type(width);
  std::string packed(width * count, '\0');
  UNPACT_HDF5(H5Dread(dataset, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, packed.data()));
  std::vector<std::string> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::string_view padded(packed.data() + i * width, width);
    values[i] = padded.substr(0, padded.find('\0'));
  }
  return values;
}

}  // namespace unpact::hdf5
