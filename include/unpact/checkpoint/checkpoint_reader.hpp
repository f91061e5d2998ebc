#pragma once
/// The weights of a checkpoint folder, in one safetensors file or in several with an index.
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "unpact/checkpoint/safetensors.hpp"

namespace unpact {

/// The weight files of a folder, checked against its index, in the order of their names: model.safetensors, or the
/// files that model.safetensors.index.json lists.
/// @throws UserError when there are none, the index is broken or names files outside the folder, or files are missing.
std::vector<std::filesystem::path> weight_files(const std::filesystem::path& folder);

/// Memory-maps the files; nothing but their headers is read before it is asked for.
class CheckpointReader {
 public:
  /// @throws UserError as weight_files, for broken files, a tensor in two files, and where index and files disagree.
  explicit CheckpointReader(const std::filesystem::path& folder);

  bool contains(const std::string& name) const { return owner_.count(name) != 0; }
  /// All tensors with their headers' entries, by name.
  const std::map<std::string, TensorEntry>& tensors() const { return entries_; }
  /// The file of a tensor. @pre contains(name).
  const SafetensorsFile& file_of(const std::string& name) const;
  /// Where the tensor lies: number of the file, first byte. Reading in this order reads the files from front to back.
  std::pair<std::size_t, std::uint64_t> place_of(const std::string& name) const;
  /// weights_checksum() of the files as they were opened, whatever lies in the folder by now. Reads every byte.
  std::string checksum() const;

 private:
  std::vector<SafetensorsFile> files_;
  std::map<std::string, std::size_t> owner_;
  std::map<std::string, TensorEntry> entries_;
};

}  // namespace unpact
