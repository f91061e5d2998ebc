#pragma once
/// A group of ranks that works through a list of cells, beside other groups and other jobs in the same folder.
#include <exception>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "unpact/campaign/baseline.hpp"
#include "unpact/campaign/cell_names.hpp"
#include "unpact/campaign/cell_queue.hpp"
#include "unpact/campaign/finished_list.hpp"
#include "unpact/campaign/claim_pause.hpp"
#include "unpact/campaign/last_finisher.hpp"
#include "unpact/campaign/session.hpp"
#include "unpact/comm/agreement.hpp"

namespace unpact {

/// Each cell is claimed, run, and recorded: finished, or failed with its reason, whatever was thrown on however many ranks.
class CellRunner {
 public:
  /// Collective over `group`. All must outlive the runner. @param claims the root's. @param leave_off asked between cells,
  /// collectively: whether to begin no further one, with how many seconds to spare. @param all_cells of the plan.
  CellRunner(const Session& session, const Communicator& group, Claims& claims, std::filesystem::path folder,
             bool retry_failed, std::function<bool(double)> leave_off, std::set<std::string> all_cells = {});

  /// The cells that are neither finished nor, unless they shall be tried again, recorded as failed; says which are not left.
  /// What cannot be read now is not left either. While others are at work their list is believed, and nothing opened.
  /// Collective over `ranks`, whose root is this group's.
  std::vector<Configuration> left_of(const Communicator& ranks, const Baseline& baseline,
                                     const std::vector<Configuration>& cells);

  /// Which fingerprints cells will have if nothing has changed since the plan was written: so that a pair whose cells are all
  /// finished need not be opened while others are at work. On the root.
  void expect(std::map<std::string, std::string> fingerprints) { expected_ = std::move(fingerprints); }

  /// Runs these cells, which were left a moment ago. Those that another group or job works on are left to it while it
  /// lives. Collective over the group. @throws RuntimeFailure when the group cannot go on: a rank does not come back, the device
  /// is lost, or a failure cannot be recorded.
  /// @param pairs that the group goes through by turns: with one it waits for cells whose holder may live or not.
  /// @return whether there are such cells still.
  bool run(const Baseline& baseline, const std::vector<Configuration>& cells, std::size_t pairs = 1);

  /// What run() would find, as far as names of files tell: their pair's target is not needed to see that nothing is free.
  /// `empty`: all are left to others. On the root.
  CellQueue::Found foresee(const std::vector<Configuration>& cells, std::size_t pairs);

  /// Whether a cell was left at a checkpoint because the job was asked to stop.
  bool stopped() const { return stopped_; }
  bool ran_any() const { return ran_any_; }
  /// Whether a cell was recorded as failed; on the root.
  bool some_failed() const { return some_failed_; }
  /// Whether others finish cells after this group did: they collect. On the root.
  bool others_go_on() const { return last_.others_go_on(); }
  /// By the root of a group, when nobody else goes on.
  void clear_claims_of_the_dead() { last_.clear_claims_of_the_dead(claims_); }
  /// Cells that other jobs work on; on the root.
  const std::set<std::string>& held() const { return held_; }

 private:
  struct Step {
    CellQueue::Found found = CellQueue::Found::empty;
    std::size_t cell = 0;
    double seconds = 0;  ///< of a wait
  };
  CellQueue queue_of(const std::vector<Configuration>& cells, std::size_t pairs) const;
  bool is_listed(const std::string& id, const std::string& fingerprint);
  CellQueue::LookAt glance_at(const std::vector<Configuration>& cells);
  void look_for_others();
  void note_held(const CellQueue& queue);
  Step next(CellQueue& queue, const Baseline& baseline, const std::vector<Configuration>& cells, ClaimPause& pause);
  bool is_settled(const Baseline& baseline, const Configuration& cell) const;
  void wait(double seconds);
  void run_claimed(const Baseline& baseline, const Configuration& cell);
  void record_failure(const Baseline& baseline, const Configuration& cell, const std::exception_ptr& thrown);

  const Session& session_;
  const Communicator& group_;
  Claims& claims_;
  std::filesystem::path folder_;
  bool retry_failed_;
  std::function<bool(double)> leave_off_;
  Agreement agreement_;
  CellNames names_;
  FinishedList finished_;
  std::map<std::string, std::string> expected_;  ///< fingerprints by cell
  LastFinisher last_;
  std::uint64_t seed_;
  std::optional<std::size_t> first_choice_;  ///< until the first cell is taken
  std::optional<Claim> claim_;               ///< on the root
  std::set<std::string> held_;
  bool stopped_ = false, some_failed_ = false, ran_any_ = false;
};

}  // namespace unpact
