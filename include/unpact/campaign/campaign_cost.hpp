#pragma once
/// What a campaign costs, reckoned on paper: operations, memory and hours of every stage, and what to ask a batch system for.
/// No device is touched, no weights are read and nothing is written. docs/planning.md has the formulas.
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "unpact/campaign/baseline.hpp"
#include "unpact/campaign/plan.hpp"
#include "unpact/core/json.hpp"
#include "unpact/results/planned_stage.hpp"

namespace unpact {

enum class CellState { left, finished, failed };
UNPACT_ENUMERATION(CellState, "left", "finished", "failed");

struct CellCost {
  std::string id, method;
  CellState state = CellState::left;
  PlannedStages stages;
};

/// A stage that no number of ranks that was looked at makes fit.
struct Misfit {
  std::string stage;
  double bytes = 0;  ///< a rank needs, on the largest number of ranks
};

/// One model and dataset.
struct PairCost {
  std::string model, dataset;
  std::int64_t parameters = 0;
  std::size_t forget_questions = 0, retain_questions = 0;
  std::int64_t ranks_per_cell = 0;  ///< the fewest, a power of two that divides the GPUs, that fit; 0: none do
  std::vector<Misfit> misfits;      ///< with campaign.ranks_per_cell as it is
  std::vector<std::string> remarks;
  std::string train_dtype, model_dtype;   ///< what trains and what answers computes in
  double train_rate = 0, score_rate = 0;  ///< operations a second of a GPU at the stated shares; 0: unknown
  bool shared_is_done = false;
  std::string baseline_id;
  PlannedStages shared;          ///< what the cells share: the target, where it is made, and its answers and contributions
  std::vector<CellCost> cells;   ///< stages on campaign.ranks_per_cell ranks
  double read = 0, written = 0;  ///< bytes, of all cells and what they share
};

struct CampaignCost {
  std::string machine;  ///< GPUs, or CPUs
  bool has_gpu = false;
  double memory = 0;  ///< bytes of a GPU; 0: unknown
  double train_share = 0, score_share = 0;
  std::int64_t gpus = 1, per_node = 1, ranks_per_cell = 1;
  double margin = 0;
  std::vector<PairCost> pairs;

  double operations(bool left_alone) const;
  double gpu_seconds(bool left_alone) const;
  bool has_rates() const;         ///< else there are no hours
  double longest_cell() const;    ///< seconds, of one group
  double longest_shared() const;  ///< seconds, of those that make a target together (ranks_of_target)
  double wall_seconds() const;    ///< of what is left, on all GPUs
  std::size_t cells(CellState state) const;
  /// @throws UserError naming the stages that do not fit.
  void refuse_misfits() const;
  std::string text() const;
  Json json() const;
};

/// The compute capability of the GPUs that a campaign is planned for: those that plan.gpu names, or run.device = cuda asks for;
/// nothing: it is planned for CPUs. @throws UserError as cost_of_campaign.
std::optional<int> planned_capability(const Configuration& campaign, int ranks);

/// Reckons a plan that check_plan() has looked at. Models without a tokenizer get one for the time being, in a folder of the
/// system for temporary files. @param ranks of this job, where it is planned for CPUs.
/// @throws UserError for a machine that cannot be.
CampaignCost cost_of_campaign(const Configuration& campaign, const std::vector<Pair>& plan, int ranks);

/// The same of one pair whose target is at hand, on the session's ranks and device: what `inspect` shows beside what is
/// measured, by the ids of results files.
std::vector<std::pair<std::string, PlannedStages>> planned_stages(const Session& session, const Baseline& baseline,
                                                                  const Pair& pair);

}  // namespace unpact
