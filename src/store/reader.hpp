#pragma once
/// Reads datasets and attributes of a results file on one rank. The file may be broken or hostile: types, ranks and
/// sizes are checked before anything is allocated. Every member throws RuntimeFailure or UserError.
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "hdf5.hpp"

namespace unpact::hdf5 {

class Reader {
 public:
  /// @throws UserError when there is no such file, RuntimeFailure when it is not a whole HDF5 file.
  explicit Reader(const std::filesystem::path& path);

  /// Attributes of the root.
  std::string text(const std::string& name) const;
  std::int64_t integer(const std::string& name) const;
  double real(const std::string& name) const;
  /// A text attribute of a group.
  std::string group_text(const std::string& path, const std::string& name) const;

  bool has(const std::string& path) const;            ///< a group or dataset
  bool has_attribute(const std::string& name) const;  ///< of the root
  bool has_group_attribute(const std::string& path, const std::string& name) const;
  std::vector<std::string> members(const std::string& group) const;  ///< names of its links, sorted

  /// All values of a dataset of one or two dimensions, row-major.
  template <class T>
  std::vector<T> numbers(const std::string& path) const;
  std::vector<std::string> strings(const std::string& path) const;

 private:
  Id open_dataset(const std::string& path, H5T_class_t wanted, std::size_t item_bytes) const;
  Id open_attribute(hid_t object, const std::string& name, H5T_class_t wanted) const;
  Id open_group(const std::string& path) const;
  std::string read_text(hid_t object, const std::string& name) const;
  std::size_t items(hid_t dataset) const;

  std::string name_;
  std::uintmax_t file_bytes_ = 0;
  Id file_;
};

}  // namespace unpact::hdf5
