#pragma once
/// For tests: a temporary folder that all ranks of the world share.
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/temporary_folder.hpp"
#include "unpact/comm/communicator.hpp"

namespace unpact::testing_support {

/// Collective.
class SharedFolder {
 public:
  explicit SharedFolder(const Communicator& world) : world_(world) {
    if (world.is_root()) own_ = std::make_unique<TemporaryFolder>();
    path_ = world.broadcast(world.is_root() ? own_->path().string() : "", 0);
  }
  ~SharedFolder() { world_.barrier(); }
  const std::filesystem::path& path() const { return path_; }
  /// Names of everything in it, hidden files too.
  std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) found.push_back(entry.path().filename().string());
    return found;
  }

 private:
  const Communicator& world_;
  std::unique_ptr<TemporaryFolder> own_;
  std::filesystem::path path_;
};

}  // namespace unpact::testing_support
