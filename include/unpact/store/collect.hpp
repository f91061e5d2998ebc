#pragma once
/// The master file of a campaign.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace unpact {

/// A cell that the plan names, with the file that it should have.
struct PlannedCell {
  std::string id, model, dataset, method;
  std::int64_t seed = 0;
  std::filesystem::path file;
};

struct CollectSummary {
  std::size_t finished = 0, missing = 0, broken = 0;
  std::size_t unreadable = 0;               ///< of the broken ones: may be intact, but cannot be read now
  std::vector<std::string> broken_reasons;  ///< "id: reason"
  bool written = false;                     ///< false: nothing was read, and so nothing replaced
};

inline constexpr const char* kCampaignFile = "campaign.h5";

/// Builds `folder`/campaign.h5: an external link a finished cell (relative, so that the folder can be moved), a status
/// table with checksums, and one table of metrics, a row a cell. Atomic; running it again is harmless. Called by one
/// rank. Cells that are missing or broken are listed, not fatal; where no cell at all could be read, a file of before stays
/// as it is. What `before_each` throws before a cell is looked at ends
/// it, and the file of before stays.
CollectSummary collect_campaign(
    const std::filesystem::path& folder, const std::vector<PlannedCell>& cells,
    const std::function<void()>& before_each = [] {});

/// The cells found in `folder`/cells when no plan is at hand.
std::vector<PlannedCell> find_cells(const std::filesystem::path& folder);

}  // namespace unpact
