#include "unpact/evaluation/finished_pages.hpp"

#include <unistd.h>

#include <cerrno>

#include "unpact/comm/stop_together.hpp"
#include "unpact/comm/fail_together.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"
#include "unpact/core/stop.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

constexpr const char* kFingerprintFile = "fingerprint.txt";
constexpr std::size_t kDigest = 64;

}  // namespace

FinishedPages::FinishedPages(const Communicator& group, fs::path folder, std::string fingerprint)
    : group_(group), folder_(std::move(folder)), fingerprint_(std::move(fingerprint)) {
  if (group_.is_root()) {
    read_names();
    const auto mark = folder_ / kFingerprintFile;
    if (!names_.empty() && !(names_.contains(kFingerprintFile) && trim(read_file(mark, 1 << 10)) == fingerprint_)) {
      log::info(concat("What was finished in ", folder_.string(),
                       " is not used: it was made with another configuration, model or dataset"));
      remove_folder(folder_);
      names_.clear();
    }
    if (names_.empty()) {
      std::error_code ignored;  // the writing says what is wrong
      fs::create_directory(folder_, ignored);
      write_file_in_place(mark, fingerprint_ + "\n");
      names_.insert(kFingerprintFile);
    }
  }
  group_.barrier();
}

/// One reading of the folder, instead of a look at each page.
void FinishedPages::read_names() {
  std::error_code code;
  for (fs::directory_iterator entry(folder_, code), end; !code && entry != end; entry.increment(code))
    names_.insert(entry->path().filename().string());
}

fs::path FinishedPages::file(const std::string& stage, std::size_t first) const {
  return folder_ / concat(stage, "-", first, ".page");
}

std::string FinishedPages::header(const std::string& stage, std::size_t first, std::size_t last) const {
  return concat("unpact page 2\n", fingerprint_, "\n", stage, " ", first, " ", last, "\n");
}

std::optional<std::string> FinishedPages::load(const std::string& stage, std::size_t first, std::size_t last,
                                               const Fits& fits) const {
  const auto path = file(stage, first);
  if (!names_.contains(path.filename().string())) return std::nullopt;
  try {
    const auto content = read_file(path);
    const auto start = header(stage, first, last);
    if (content.size() >= kDigest + start.size() &&
        content.compare(0, kDigest, sha256_of_bytes(std::string_view(content).substr(kDigest))) == 0 &&
        content.compare(kDigest, start.size(), start) == 0)
      if (auto encoded = content.substr(kDigest + start.size()); fits(encoded)) return encoded;
    log::info(concat("The page ", path.string(), " is damaged and is computed again"));
  } catch (const Error& error) {
    log::info(concat("The page ", path.string(), " cannot be read and is computed again: ", error.problem()));
  }
  return std::nullopt;
}

std::optional<std::string> FinishedPages::find(const std::string& stage, std::size_t first, std::size_t last,
                                               const Fits& fits) const {
  // The root decides for all: another rank may see files late on a network file system.
  const auto mine = group_.is_root() ? load(stage, first, last, fits) : std::nullopt;
  auto shared = group_.broadcast(mine ? "1" + *mine : std::string("0"), 0);
  if (!shared.starts_with('1')) return std::nullopt;
  return shared.substr(1);
}

void FinishedPages::store(const std::string& stage, std::size_t first, std::size_t last, const std::string& encoded) {
  const auto content = header(stage, first, last) + encoded;
  const auto path = file(stage, first);
  write_file_in_place(path, sha256_of_bytes(content) + content);  // a kill in between leaves what load() refuses
  names_.insert(path.filename().string());
  note_progress();
}

/// Time is kept for one more page, and for a slow one.
void FinishedPages::leave_where_stop_is_wanted(const std::string& stage, std::size_t done, std::size_t count) const {
  constexpr double kReserve = 10;  // seconds to end in
  stop_together(group_, kReserve + 2 * longest_, concat(done, " of ", count, " prompts (", stage, ")"));
}

void FinishedPages::say_found(const std::string& stage, std::size_t found, std::size_t count) const {
  if (found > 0 && group_.is_root()) log::info(concat(stage, ": ", found, " of ", count, " prompts were finished already"));
}

void FinishedPages::remove() {
  group_.barrier();
  fail_together(group_, [this] {
    if (!group_.is_root()) return;
    for (const auto& name : names_) ::unlink((folder_ / name).c_str());
    names_.clear();
    if (::rmdir(folder_.c_str()) != 0 && errno != ENOENT) remove_folder(folder_);
  });
}

}  // namespace unpact
