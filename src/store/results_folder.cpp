#include "unpact/store/results_folder.hpp"

#include <numeric>
#include <optional>
#include <vector>

#include "reader.hpp"
#include "seal.hpp"
#include "unpact/comm/fail_together.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/error.hpp"
#include "writer.hpp"

namespace unpact {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kRows = 1000, kReserved = 64 << 10;

void write(const Communicator& group, const fs::path& path, const std::vector<std::int64_t>& rows) {
  hdf5::Writer file(group, path, kReserved);
  file.attribute("purpose", "a trial of this folder");
  file.numbers<std::int64_t>({"/rows", {"/rows"}, "1", "numbers"}, rows, {rows.size()});
  file.close();
}

}  // namespace

void try_results_folder(const Communicator& group, const fs::path& folder) {
  std::vector<std::int64_t> rows(kRows);
  std::iota(rows.begin(), rows.end(), 0);
  std::optional<AtomicFile> file;  // never committed: its end removes the file
  fail_together(
      group,
      [&] {
        if (group.is_root()) file.emplace(folder / "trial.h5");
      },
      Telling::error_alone);
  const fs::path path = group.broadcast(file ? file->temporary_path().string() : "", 0);
  const auto read_back = [&] {
    if (!group.is_root()) return;
    append_seal(path);
    require_seal(path);
    if (hdf5::Reader(path).numbers<std::int64_t>("/rows") == rows) return;
    throw RuntimeFailure(concat("results cannot be kept in ", folder.string()),
                         "a file that was written reads back otherwise", "choose a folder on another file system");
  };
  write(group, path, rows);
  fail_together(group, read_back, Telling::error_alone);
}

}  // namespace unpact
