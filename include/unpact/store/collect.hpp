#pragma once
/// The master file of a campaign.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "unpact/store/cell_places.hpp"

namespace unpact {

struct CollectSummary {
  std::size_t finished = 0, missing = 0, broken = 0, failed = 0;
  std::size_t other = 0;                    ///< results that this plan did not make: listed, never counted
  std::size_t unreadable = 0;               ///< of the broken ones: may be intact, but cannot be read now
  std::vector<std::string> broken_reasons;  ///< "id: reason"
  std::vector<std::string> broken_ids, missing_ids, failed_ids;
  std::vector<std::filesystem::path> finished_files;  ///< by id
  bool written = false;                               ///< false: nothing was read, and so nothing replaced

  /// "5 cell(s) finished, 1 missing, 0 broken, 0 failed".
  std::string describe() const;
};

inline constexpr const char* kCampaignFile = "campaign.h5";

/// Builds `folder`/campaign.h5: a status table with files (relative, so that the folder can be moved), checksums and
/// fingerprints, and one table of metrics, a row a finished cell. Atomic; running it again is harmless. Called by one
/// rank. A cell is finished when its file has the fingerprint that the plan says; cells that are missing, broken or failed
/// are listed, not fatal, and so are results of other settings that lie in the folder. Where no cell at all could be read, a
/// file of before stays as it is. What `before_each` throws before a cell is looked at ends it, and the file of before stays.
CollectSummary collect_campaign(
    const std::filesystem::path& folder, const std::vector<PlannedCell>& cells,
    const std::function<void()>& before_each = [] {});

/// The cells found in `folder`/cells when no plan is at hand. Of one model and dataset only cells that compare with the same
/// answers of the target are taken: those of the newest.
std::vector<PlannedCell> find_cells(const std::filesystem::path& folder);

}  // namespace unpact
