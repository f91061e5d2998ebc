#include "unpact/core/log_folder.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "unpact/core/error.hpp"
#include "unpact/core/process_identity.hpp"

namespace unpact::log {

std::string file_of_rank(int rank) {
  char name[32];
  std::snprintf(name, sizeof name, "rank-%04d.log", rank);
  return name;
}

std::filesystem::path own_folder(const std::filesystem::path& folder) {
  constexpr int kMostRuns = 1000;
  static int held = -1;  // rank 0's log file, locked: other runs keep away from its folder
  if (held >= 0) ::close(held);
  held = -1;
  std::error_code ignored;
  for (int run = 1; run < kMostRuns; ++run) {
    const auto place = run == 1 ? folder : folder / concat("run-", run);
    const auto open = [&] {
      return ::open((place / file_of_rank(0)).c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    };
    int file = open();
    if (file < 0 && errno == ENOENT) {
      std::filesystem::create_directories(place, ignored);
      file = open();
    }
    if (file < 0) return place;  // open_file says so
    if (::flock(file, LOCK_EX | LOCK_NB) == 0) {
      held = file;
      return place;
    }
    const bool is_taken = errno == EWOULDBLOCK;
    ::close(file);
    if (!is_taken) break;  // this file system has no locks
  }
  return folder / concat(host_name(), "-", ::getpid());
}

}  // namespace unpact::log
