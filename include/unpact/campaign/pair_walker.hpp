#pragma once
/// How the groups of a job go through its pairs: none waits for another as long as there is something to do.
#include <exception>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "unpact/campaign/baseline.hpp"
#include "unpact/campaign/busy_watch.hpp"
#include "unpact/campaign/cell_runner.hpp"
#include "unpact/campaign/claim_pause.hpp"
#include "unpact/campaign/claims.hpp"
#include "unpact/campaign/plan.hpp"
#include "unpact/campaign/session.hpp"
#include "unpact/comm/agreement.hpp"
#include "unpact/comm/notice.hpp"
#include "unpact/store/cell_places.hpp"

namespace unpact {

/// With one pair all ranks of the job make its target and baseline together, and then the groups share its cells: there is
/// nothing else to do meanwhile. With several, each group goes through all of them by itself: it makes a target and baseline
/// that nobody has made or makes just now, runs the cells that nobody else does, goes on to the next pair where there is
/// nothing to do, and sleeps only where that holds for all of them. So the numbers of several pairs depend on
/// campaign.ranks_per_cell and not on how many groups there are.
class PairWalker {
 public:
  /// Collective over the session's world; so are destructor and finish. All must outlive it. @param claims of this rank.
  PairWalker(const Session& session, const Communicator& group, Claims& claims, std::filesystem::path folder,
             const std::vector<Pair>& plan, const CampaignOptions& options);

  /// Until nothing is left to this group, or it was asked to stop. @throws what a pair's target throws where it is the only
  /// pair, and where the group cannot go on.
  void run();

  /// What all groups have found out; collective over the world. Afterwards the next three are the same on every rank, but
  /// for the cells' fingerprints, which the root knows.
  void finish();

  bool stopped() const { return stopped_; }
  /// Whether this job has worked on a cell.
  bool ran_any() const { return ran_any_; }
  /// Whether a cell was tried by this job and recorded as failed.
  bool some_failed() const { return some_failed_; }
  /// Whether every group has seen that others go on: then another job collects.
  bool others_go_on() const { return others_go_on_; }
  /// Cells that other jobs work on, and no group of this one has had.
  const std::set<std::string>& held() const { return held_; }
  const std::vector<PlannedCell>& planned() const { return planned_; }
  const PlannedCosts& costs() const { return costs_; }

 private:
  struct Work {
    const Pair* pair = nullptr;
    std::size_t first = 0;  ///< of its cells in the plan
    std::optional<Baseline> baseline = {};
    std::optional<std::vector<Configuration>> left = {};  ///< cells that were not finished when its turn came
    bool may_have_failed = true;                          ///< a failure of before may be recorded
    bool is_settled = false;
  };

  bool is_alone() const { return plan_.size() == 1; }
  bool wants_to_stop(double reserve_seconds);
  void rest(ClaimPause& pause);
  void visit(Work& work);
  bool is_busy(const Pair& pair);
  bool is_taken(Work& work);
  bool has_failed(Work& work);
  bool prepare(Work& work);
  void lose(Work& work, const std::string& note);
  void fail(Work& work, const std::exception_ptr& thrown);
  bool is_kept(const Work& work) const;
  void know(const Work& work);
  void run_cells(Work& work);

  const Session& session_;
  const Communicator& group_;
  Claims& claims_;
  std::filesystem::path folder_;
  const std::vector<Pair>& plan_;
  const CampaignOptions& options_;
  const Communicator& makers_;  ///< who make a target together: the world, or the group
  Session makers_session_;
  Agreement agreement_;  ///< of the makers
  Notice leave_off_;
  BusyWatch busy_;
  CellRunner runner_;
  std::vector<PlannedCell> planned_, kept_;  ///< kept: what stood in the plan when the job began
  PlannedCosts costs_;
  std::set<std::string> held_;
  bool stopped_ = false, some_failed_ = false, others_go_on_ = false, ran_any_ = false, did_something_ = false,
       waits_for_target_ = false;
};

}  // namespace unpact
