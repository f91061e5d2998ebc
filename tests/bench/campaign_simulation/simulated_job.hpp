#pragma once
/// What a job does next: asked of the real claims and the real queue, by a clock that somebody else turns.
#include <memory>
#include <optional>

#include "simulation.hpp"
#include "unpact/campaign/busy_watch.hpp"
#include "unpact/campaign/cell_names.hpp"
#include "unpact/campaign/cell_queue.hpp"
#include "unpact/campaign/claim_pause.hpp"
#include "unpact/campaign/finished_list.hpp"
#include "unpact/campaign/last_finisher.hpp"

namespace unpact::simulation {

/// Where a finished cell and a finished target lie.
std::filesystem::path cell_place(const std::filesystem::path& folder, const std::string& id);
std::filesystem::path target_place(const std::filesystem::path& folder, const std::string& pair);

enum class Doing { cell, target, wait, leave };

struct Decision {
  Doing doing = Doing::leave;
  std::size_t pair = 0, cell = 0;
  std::optional<Claim> claim = {};
  double pause = 0;  ///< seconds until the next look
};

/// One start of a job, which asks in the order of PairWalker and CellRunner. As in `unpact reproduce` pairs do not wait for each other: a job works on the cells of any pair whose
/// target is there, makes a target that nobody makes, and waits only where neither is to be had.
class SimulatedJob {
 public:
  /// The work must outlive it.
  SimulatedJob(const PlannedWork& work, const Settings& settings, const std::filesystem::path& folder, std::int64_t index,
               std::int64_t restart, std::function<double()> now);

  Decision next();

  /// What next() said is done, or left, and its claim given back. @param cell that has results now; or empty.
  void finished(const std::string& cell);

  /// After the last decision, with all claims given back: whether it is this job that collects the cells.
  bool collects();

 private:
  CellQueue queue_of(std::size_t pair);
  CellQueue::LookAt glance_at(std::size_t pair);
  bool is_listed(const std::string& id);
  void drop_finished(std::size_t pair);
  std::optional<Decision> at_pair(std::size_t pair);
  std::optional<Decision> at_target(std::size_t pair);

  const PlannedWork& work_;
  std::filesystem::path folder_;
  Claims claims_;
  BusyWatch busy_;
  CellNames names_;
  FinishedList finished_;
  LastFinisher last_;
  ClaimPause pause_, beats_pause_;
  std::vector<bool> is_ready_, is_empty_;       ///< by pair: its target is loaded; nothing in it is left to this job
  std::vector<std::vector<std::size_t>> left_;  ///< by pair: cells that were not finished when its turn came
  bool waits_for_target_ = false;
  const Settings& settings_;
  std::uint64_t seed_;
  std::optional<std::size_t> first_choice_;  ///< until the first cell is taken
  std::int64_t index_;
  bool ran_any_ = false;
};

}  // namespace unpact::simulation
