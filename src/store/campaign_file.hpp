#pragma once
/// The content of campaign.h5 and how it is stored.
#include <string>
#include <vector>

#include "campaign_metrics.hpp"
#include "unpact/core/enumeration.hpp"
#include "unpact/store/collect.hpp"

namespace unpact {

enum class CollectedState : std::uint8_t { finished, missing, broken, failed, other };
UNPACT_ENUMERATION(CollectedState, "finished", "missing", "broken", "failed", "other");

/// A planned cell as it was found.
struct CellStatus {
  PlannedCell cell;
  std::string relative_file;  ///< from the folder of campaign.h5
  CollectedState state = CollectedState::missing;
  std::string sha256, reason;
  bool is_unreadable = false;  ///< broken or not cannot be said
};

/// Writes the file under this (temporary) name. @param metrics one a finished cell, in the order of `states`.
void write_campaign_content(const std::filesystem::path& path, const std::vector<CellStatus>& states,
                            const std::vector<CellMetrics>& metrics);

}  // namespace unpact
