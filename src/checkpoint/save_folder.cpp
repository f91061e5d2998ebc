#include "save_folder.hpp"

#include <unistd.h>

#include <system_error>

#include "unpact/core/atomic_file.hpp"
#include "unpact/core/text.hpp"

namespace unpact {
namespace fs = std::filesystem;

void save_folder(const fs::path& folder, const std::function<void(const fs::path& temporary)>& fill) {
  const fs::path temporary = folder.string() + concat(".tmp.", ::getpid());
  std::error_code ignored;
  fs::remove_all(temporary, ignored);
  require_writable_folder(temporary);
  try {
    fill(temporary);
    rename_folder_durably(temporary, folder);
  } catch (...) {
    fs::remove_all(temporary, ignored);
    throw;
  }
}

}  // namespace unpact
