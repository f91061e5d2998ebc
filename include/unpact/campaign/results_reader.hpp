#pragma once
/// The results of a campaign as they lie in its folder, looked at again and again while it runs.
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "unpact/campaign/campaign_status.hpp"
#include "unpact/campaign/pooled_table.hpp"
#include "unpact/results/cell.hpp"

namespace unpact {

struct ResultsLook {
  std::vector<CellRecord> finished;  ///< by id, as read_cell_numbers() fills them
  std::vector<AbsentCell> absent;    ///< by id
  bool is_settled = false;           ///< every cell is finished or has failed
  std::vector<std::string> problems;

  /// "5 of 8 cells finished", the pooled table, and what could not be read.
  std::string text(const PooledTableOptions& options = {}) const;
};

/// Reads a folder again and again; files that have not changed are read once. Looks on only.
class ResultsReader {
 public:
  /// @throws UserError when the folder holds no campaign.
  explicit ResultsReader(const std::filesystem::path& folder) : status_(folder) {}

  ResultsLook read();

 private:
  struct Seen {
    std::filesystem::file_time_type when;
    CellRecord cell;
  };

  StatusReader status_;
  std::map<std::filesystem::path, Seen> seen_;
};

}  // namespace unpact
