#pragma once
/// Which cells have results, in one small file: who comes while others work need not open a thousand of theirs to see that.
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>

namespace unpact {

/// `folder`/logs/finished.txt has a line a cell, added when its results have their name. A line that is missing or torn (a kill,
/// two writers at once on a network file system) is no harm: then the results themselves are opened. The list cannot tell that
/// they were damaged or removed since, so it is asked only while others are at work; the last one opens all.
/// Used by the root of a group.
class FinishedList {
 public:
  /// @param now seconds of a clock that never jumps; empty: the machine's.
  explicit FinishedList(const std::filesystem::path& folder, std::function<double()> now = {});

  /// Never throws: it is only a help.
  void add(const std::string& id, const std::string& fingerprint) const;

  /// Whether this was added last for the cell, by a reading that is some seconds old at most.
  bool has(const std::string& id, const std::string& fingerprint);

 private:
  void refresh();

  std::filesystem::path file_;
  std::function<double()> clock_;
  std::map<std::string, std::string> fingerprints_;  ///< by id
  std::optional<double> read_;                       ///< by the clock
};

/// Whether campaign.h5 is not older than the last line of the list. A job that has finished a cell itself collects all the same.
bool is_collected(const std::filesystem::path& folder);

}  // namespace unpact
