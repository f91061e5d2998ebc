#pragma once
/// What lies in the folders of cells, by one reading of each: a campaign of a thousand cells is not looked through file by
/// file. Used by the root of a group.
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string>

#include "unpact/campaign/cell_queue.hpp"

namespace unpact {

class CellNames {
 public:
  /// @param now seconds of a clock that never jumps; empty: the machine's.
  explicit CellNames(std::filesystem::path folder, std::function<double()> now = {})
      : folder_(std::move(folder)), clock_(std::move(now)) {}

  /// Reads the folders when that was done more than a second ago, or before `since` by the same clock. @throws RuntimeFailure.
  void refresh(double since = 0);

  /// Results, a failure, or pages that a killed job has left.
  bool has_any(const std::string& id) const { return has_any_in(now_, id); }

  /// Results under the cell's own name.
  bool has_results(const std::string& id) const { return now_.contains(id + ".h5"); }

  CellQueue::Glance glance(const std::string& id) const;

 private:
  using Names = std::set<std::string>;
  static bool has_any_in(const Names& names, const std::string& id);
  static bool has_end_in(const Names& names, const std::string& id);

  std::filesystem::path folder_;
  std::function<double()> clock_;
  Names first_, now_, others_first_, others_now_;  ///< in cells and other
  std::optional<double> read_;                     ///< by the clock
};

}  // namespace unpact
