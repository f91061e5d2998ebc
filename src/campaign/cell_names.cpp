#include "unpact/campaign/cell_names.hpp"

#include <chrono>

#include "unpact/core/error.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

std::set<std::string> names_in(const fs::path& folder) {
  std::set<std::string> names;
  std::error_code code;
  for (fs::directory_iterator entry(folder, code), end; !code && entry != end; entry.increment(code))
    names.insert(entry->path().filename().string());
  if (code && code != std::errc::no_such_file_or_directory)
    throw RuntimeFailure(concat("cannot look into ", folder.string()), code.message(),
                         "check the disk and the folder's permissions");
  return names;
}

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

void CellNames::refresh(double since) {
  constexpr double kRecent = 1;
  const double now = clock_ ? clock_() : steady_seconds();
  if (read_ && now - *read_ < kRecent && *read_ >= since) return;
  now_ = names_in(folder_ / "cells");
  others_now_ = names_in(folder_ / "other");
  if (!read_) first_ = now_, others_first_ = others_now_;
  read_ = now;
}

bool CellNames::has_any_in(const Names& names, const std::string& id) {
  const auto prefix = id + ".";
  const auto first = names.lower_bound(prefix);
  return first != names.end() && first->starts_with(prefix);
}

bool CellNames::has_end_in(const Names& names, const std::string& id) {
  return names.contains(id + ".h5") || names.contains(id + ".failed.json");
}

CellQueue::Glance CellNames::glance(const std::string& id) const {
  if (has_end_in(first_, id) || has_any_in(others_first_, id)) return CellQueue::Glance::old_file;
  return has_end_in(now_, id) || has_any_in(others_now_, id) ? CellQueue::Glance::new_file : CellQueue::Glance::nothing;
}

}  // namespace unpact
