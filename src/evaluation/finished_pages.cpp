#include "unpact/evaluation/finished_pages.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "unpact/core/atomic_file.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

constexpr const char* kFingerprintFile = "fingerprint.txt";
constexpr std::size_t kDigest = 64;

std::string pack(const std::vector<std::string>& items) {
  std::string packed;
  for (const auto& item : items) {
    const std::uint64_t size = item.size();
    packed.append(reinterpret_cast<const char*>(&size), sizeof size);
    packed += item;
  }
  return packed;
}

/// None when the bytes are not what pack() made of `count` items.
std::optional<std::vector<std::string>> unpack(std::string_view packed, std::size_t count) {
  std::vector<std::string> items;
  while (items.size() < count) {
    std::uint64_t size = 0;
    if (packed.size() < sizeof size) return std::nullopt;
    std::memcpy(&size, packed.data(), sizeof size);
    packed.remove_prefix(sizeof size);
    if (packed.size() < size) return std::nullopt;
    items.emplace_back(packed.substr(0, size));
    packed.remove_prefix(size);
  }
  if (!packed.empty()) return std::nullopt;
  return items;
}

}  // namespace

FinishedPages::FinishedPages(const Communicator& group, fs::path folder, std::string fingerprint)
    : group_(group), folder_(std::move(folder)), fingerprint_(std::move(fingerprint)) {
  if (group_.is_root()) {
    const auto mark = folder_ / kFingerprintFile;
    const bool there = fs::exists(folder_);
    if (there && !(fs::exists(mark) && trim(read_file(mark, 1 << 10)) == fingerprint_)) {
      log::info(concat("What was finished in ", folder_.string(),
                       " is not used: it was made with another configuration, model or dataset"));
      fs::remove_all(folder_);
    }
    if (!fs::exists(mark)) write_file_atomically(mark, fingerprint_ + "\n");
  }
  group_.barrier();
}

fs::path FinishedPages::file(const std::string& stage, std::size_t first) const { return folder_ / concat(stage, "-", first, ".page"); }

std::string FinishedPages::header(const std::string& stage, std::size_t first, std::size_t last) const {
  return concat("unpact page 1\n", fingerprint_, "\n", stage, " ", first, " ", last, "\n");
}

std::optional<std::vector<std::string>> FinishedPages::load(const std::string& stage, std::size_t first, std::size_t last) const {
  const auto path = file(stage, first);
  std::error_code code;
  if (!fs::exists(path, code)) return std::nullopt;
  try {
    const auto content = read_file(path);
    const auto start = header(stage, first, last);
    if (content.size() >= kDigest + start.size() && content.compare(0, kDigest, sha256_of_bytes(std::string_view(content).substr(kDigest))) == 0 &&
        content.compare(kDigest, start.size(), start) == 0)
      if (auto items = unpack(std::string_view(content).substr(kDigest + start.size()), last - first)) return items;
    log::info(concat("The page ", path.string(), " is damaged and is computed again"));
  } catch (const UserError& error) {
    log::info(concat("The page ", path.string(), " cannot be read and is computed again: ", error.problem()));
  }
  return std::nullopt;
}

void FinishedPages::store(const std::string& stage, std::size_t first, std::size_t last, const std::vector<std::string>& items) const {
  const auto content = header(stage, first, last) + pack(items);
  write_file_atomically(file(stage, first), sha256_of_bytes(content) + content);
}

std::vector<std::string> FinishedPages::run(const std::string& stage, std::size_t count, std::size_t page, const Compute& compute) {
  UNPACT_EXPECT(page > 0);
  std::vector<std::string> all;
  std::size_t found = 0;
  for (std::size_t first = 0; first < count; first += page) {
    const auto last = std::min(count, first + page);
    // The root decides for all: another rank may see files late on a network file system.
    auto items = group_.is_root() ? load(stage, first, last) : std::nullopt;
    const auto stored = group_.broadcast(items ? concat("1", pack(*items)) : std::string("0"), 0);
    if (stored[0] == '1') {
      items = unpack(std::string_view(stored).substr(1), last - first);
      found += last - first;
    } else {
      items = compute(first, last);
      UNPACT_ASSERT(items->size() == last - first);
      if (group_.is_root()) store(stage, first, last, *items);
    }
    std::move(items->begin(), items->end(), std::back_inserter(all));
  }
  if (found > 0 && group_.is_root()) log::info(concat(stage, ": ", found, " of ", count, " prompts were finished already"));
  return all;
}

void FinishedPages::remove() {
  group_.barrier();
  if (group_.is_root()) fs::remove_all(folder_);
  group_.barrier();
}

}  // namespace unpact
