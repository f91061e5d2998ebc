#pragma once
#include <string>
#include <vector>

namespace unpact {

struct FileChecksum {
  std::string name, sha256;
};

/// Of a model's weights: that of its only file; of several, that of their `sha256sum` lines in the order given.
std::string checksum_of_files(const std::vector<FileChecksum>& files);

}  // namespace unpact
