#pragma once
/// What the master file of a campaign says of its cells.
#include <filesystem>
#include <string>
#include <vector>

#include "unpact/results/cell.hpp"

namespace unpact {

struct CampaignTable {
  std::string collected;  ///< ISO 8601 UTC
  /// id, model, dataset, method, seed, rates and the probes' names, labels and kinds are filled in
  std::vector<CellRecord> finished;
  std::vector<std::pair<std::string, std::string>> unfinished;  ///< id and the reason
};

/// Whether the file is an HDF5 file whose schema is that of a campaign; never throws.
bool is_campaign_file(const std::filesystem::path& path);

/// One rank reads the tables of campaign.h5. @throws UserError for a file that is missing, damaged or changed, or that
/// has another schema or an unknown major version.
CampaignTable read_campaign_table(const std::filesystem::path& path);

}  // namespace unpact
