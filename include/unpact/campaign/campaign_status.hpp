#pragma once
/// How a campaign stands, told from its folder alone: by anybody, at any time, without MPI, a device or a configuration.
/// Looks on only: nothing is written, taken over or removed.
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "unpact/campaign/batch_queue.hpp"
#include "unpact/campaign/claims.hpp"
#include "unpact/core/enumeration.hpp"
#include "unpact/core/json.hpp"
#include "unpact/store/cell_glance.hpp"
#include "unpact/store/cell_places.hpp"

namespace unpact {

enum class WorkKind { target, baseline, cell, other };
UNPACT_ENUMERATION(WorkKind, "target", "baseline", "cell", "other");

/// stale: somebody holds it who is gone, as far as can be seen; waiting: its target or baseline is not there yet.
enum class WorkState { finished, running, failed, stale, waiting, missing };
UNPACT_ENUMERATION(WorkState, "finished", "running", "failed", "stale", "waiting", "missing");

/// Times are seconds of one rank (a GPU, or the cores of a rank on CPUs), summed over ranks; 0: not known.
struct WorkItem {
  std::string id;  ///< of a cell; target.PAIR, baseline.PAIR
  WorkKind kind = WorkKind::cell;
  std::string model = {}, dataset = {}, method = {};
  std::int64_t seed = 0;
  WorkState state = WorkState::missing;
  std::string reason = {};               ///< why it is in no better state
  std::filesystem::path file = {};       ///< of a cell that is finished
  std::optional<FoundClaim> claim = {};  ///< of one that is running or stale
  double planned = 0;                    ///< by the plan
  double measured = 0;                   ///< of one that is finished
  double expected = 0;                   ///< of one that is not, in all
  double seconds_left = -1;              ///< of one that is running, by the clock; below 0: not known

  double held_seconds() const;  ///< how long it is held, by the clock
  std::int64_t ranks() const;   ///< at work on it
};

/// Sums over what can be told.
struct WorkSums {
  double planned = 0;           ///< all stages of the plan
  double measured = 0;          ///< finished cells and baselines
  double planned_of_those = 0;  ///< what the plan said of them
  double held = 0;              ///< spent so far on what is running
  double left = 0;              ///< cells that are neither finished nor failed
  std::size_t unknown = 0;      ///< of these, how many nothing is known of
  std::int64_t ranks = 0;       ///< at work now
  double seconds_left = -1;     ///< by the clock, with these ranks; below 0: not known
};

struct CampaignStatus {
  std::filesystem::path folder;
  std::string when;  ///< ISO 8601 UTC
  std::vector<WorkItem> items;
  BatchQueue queue;
  WorkSums sums;
  std::vector<std::string> problems;  ///< what could not be read

  std::size_t count(WorkKind kind, WorkState state) const;
  bool is_settled() const;  ///< every cell is finished or has failed
  std::string text() const;
  Json json() const;  ///< docs/campaigns.md says what the fields mean
};

/// Reads a folder again and again; results files that have not changed are read once.
class StatusReader {
 public:
  /// @throws UserError when the folder holds no campaign.
  explicit StatusReader(std::filesystem::path folder);

  CampaignStatus read();

 private:
  struct Seen {
    std::string stamp;
    CellGlance glance;
  };

  const CellGlance* glance(const std::filesystem::path& file);
  void add_shared(const std::vector<PlannedCell>& plan, const PlannedCosts& costs, CampaignStatus& status);
  const CellGlance* glance_at_baseline(const PlannedCell& cell);
  WorkItem look_at_cell(const PlannedCell& cell);

  std::filesystem::path folder_;
  std::map<std::filesystem::path, Seen> seen_;
};

/// Fills what is expected, what is left, and the sums.
void estimate_work(const PlannedCosts& costs, CampaignStatus& status);

}  // namespace unpact
