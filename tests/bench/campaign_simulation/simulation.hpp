#pragma once
/// Jobs that work through a campaign in simulated time, each with the real claims, queue and pauses, on a real folder.
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "planned_work.hpp"

namespace unpact::simulation {

/// Seconds, where nothing else is said.
struct Settings {
  std::int64_t jobs = 1;  ///< groups, each a job of its own
  std::uint64_t seed = 1;
  bool targets_are_made = false;  ///< by an earlier job (reproduce --stage targets)
  double start_spread = 60;       ///< jobs begin within so long
  double stale_after = 180;       ///< campaign.stale_after
  double beats = 4;               ///< renewals in that time
  double node_failure_mean = 0;   ///< of one job; 0: none. It loses what was not saved.
  double preemption_mean = 0;     ///< of one job; 0: none. It saves first.
  double requeue_mean = 600;      ///< until a job begins again, on another node
  double checkpoint_every = 900;  ///< what a node failure loses at most
  double time_spread = 0.1;       ///< cells take so much more or less than planned
  // Operations on files that are not written here, as `unpact reproduce` was measured:
  std::int64_t start_operations = 0;    ///< of a job's start
  std::int64_t target_operations = 0;   ///< of loading a target and what it answered
  std::int64_t cell_operations = 0;     ///< of a cell, but for its claim
  std::int64_t save_operations = 0;     ///< of a checkpoint
  std::int64_t collect_operations = 0;  ///< of collecting, a cell
};

struct Outcome {
  double makespan = 0;       ///< until the last cell was done
  double run_out = 0;        ///< until no cell was left that nobody had begun
  double idle_share = 0;     ///< of the jobs' time until then in which they neither made a target nor worked on a cell
  double waiting_share = 0;  ///< of all their time
  double lost_share = 0;     ///< work that was done again, of all work
  double start_delay = 0;    ///< seconds that a job waited at its start, on average (start_delay())
  double operations = 0;     ///< on the shared folder
  std::map<std::string, double>
      operations_by_kind;                ///< of a start, a look, a cell's end and what follows, a renewal, collecting
  double operations_mean = 0;            ///< a second, until the last cell was done
  double operations_busiest_minute = 0;  ///< a second
  double operations_after_start = 0;     ///< the same, without the first ten minutes
  std::int64_t failures = 0, preemptions = 0;
  std::int64_t collections = 0;         ///< jobs that collected the cells at their end
  std::map<std::string, int> finished;  ///< how often each cell was; all of them once
};

/// @param folder empty; the simulated campaign lies in it. @throws RuntimeFailure when a rule is broken: two jobs on one cell,
/// or all jobs gone with cells left.
Outcome simulate(const PlannedWork& work, const Settings& settings, const std::filesystem::path& folder);

}  // namespace unpact::simulation
