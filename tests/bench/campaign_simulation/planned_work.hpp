#pragma once
/// What a campaign consists of, with times, as `unpact reproduce --dry-run --json` plans it.
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace unpact::simulation {

struct PlannedPair {
  std::string name;
  double target_seconds = 0;         ///< target and baseline, by one group
  std::vector<std::string> cells;    ///< ids, in the order in which they are taken
  std::vector<double> cell_seconds;  ///< by one group
};

struct PlannedWork {
  std::vector<PlannedPair> pairs;

  void stretch(double factor);  ///< everything takes so much longer

  std::int64_t cells() const;
  double seconds() const;  ///< of all cells, by one group
  double longest_cell() const;
  double longest_target() const;
};

/// @throws UserError for a file that is no plan, or one without times (plan.gpu says what they are reckoned for).
PlannedWork read_planned_work(const std::filesystem::path& file);

}  // namespace unpact::simulation
