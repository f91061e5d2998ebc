#include "unpact/campaign/finished_list.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <sstream>

#include "unpact/core/atomic_file.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

fs::path list_of(const fs::path& folder) { return folder / "logs" / "finished.txt"; }

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

FinishedList::FinishedList(const fs::path& folder, std::function<double()> now)
    : file_(list_of(folder)), clock_(now ? std::move(now) : steady_seconds) {}

void FinishedList::add(const std::string& id, const std::string& fingerprint) const {
  const int descriptor = ::open(file_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (descriptor < 0) return;
  const auto line = concat(fingerprint, " ", id, "\n");
  [[maybe_unused]] const auto written = ::write(descriptor, line.data(), line.size());
  ::close(descriptor);
}

bool FinishedList::has(const std::string& id, const std::string& fingerprint) {
  refresh();
  const auto found = fingerprints_.find(id);
  return found != fingerprints_.end() && !fingerprint.empty() && found->second == fingerprint;
}

void FinishedList::refresh() {
  constexpr double kRecent = 10;
  constexpr std::uintmax_t kMostBytes = 1 << 28;
  const double now = clock_();
  if (read_ && now - *read_ < kRecent) return;
  read_ = now;
  try {
    std::istringstream lines(read_file(file_, kMostBytes));
    for (std::string line; std::getline(lines, line);)
      if (const auto space = line.find(' '); space != std::string::npos)
        fingerprints_[line.substr(space + 1)] = line.substr(0, space);
  } catch (const Error&) {
    // There is none, or it cannot be read now: then the results are opened.
  }
}

bool is_collected(const fs::path& folder) {
  std::error_code no_table, no_list;
  const auto table = fs::last_write_time(folder / "campaign.h5", no_table);
  const auto list = fs::last_write_time(list_of(folder), no_list);
  return !no_table && !no_list && table >= list;  // both by the file server's clock
}

}  // namespace unpact
