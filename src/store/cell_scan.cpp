#include "cell_scan.hpp"

#include <algorithm>

#include "schema.hpp"
#include "seal.hpp"
#include "unpact/comm/fail_together.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kShortFingerprint = 12;  // hex digits

}  // namespace

hdf5::Reader open_cell(const fs::path& path) {
  require_seal(path);
  hdf5::Reader file(path);
  require_schema(file, path.string(), kCellSchema);
  return file;
}

FoundCell describe_cell(const fs::path& path, const std::string& id) {
  FoundCell found;
  auto& cell = found.cell;
  cell.file = path;
  cell.id = id.empty() ? path.stem().string() : id;
  try {
    const auto file = open_cell(path);
    cell.model = file.text("model");
    cell.dataset = file.text("dataset");
    cell.method = file.text("method");
    cell.seed = file.integer("seed");
    cell.fingerprint = file.text("fingerprint");
    if (file.has_attribute("baseline_fingerprint")) found.baseline_fingerprint = file.text("baseline_fingerprint");
    found.ended = file.text("ended");
    cell.id = file.text("cell_id");
  } catch (const std::exception& error) {
    found.finding = one_line(error);
  }
  return found;
}

std::string short_fingerprint(const std::string& fingerprint) { return fingerprint.substr(0, kShortFingerprint); }

std::string with_fingerprint(const std::string& name, const std::string& fingerprint) {
  return concat(name, ".", short_fingerprint(fingerprint), ".h5");
}

fs::path other_cell_file(const fs::path& folder, const std::string& id, const std::string& fingerprint) {
  return folder / "other" / with_fingerprint(id, fingerprint);
}

std::vector<fs::path> results_below(const fs::path& folder) {
  std::vector<fs::path> files;
  if (!fs::is_directory(folder)) return files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (entry.is_regular_file() && name.front() != '.' && entry.path().extension() == ".h5") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<fs::path> cell_files(const fs::path& folder) { return results_below(folder / "cells"); }

std::vector<fs::path> other_cell_files(const fs::path& folder) { return results_below(folder / "other"); }

}  // namespace unpact
