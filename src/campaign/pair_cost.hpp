#pragma once
/// A pair's stages on paper.
#include <map>
#include <string>
#include <vector>

#include "plan_gpus.hpp"
#include "unpact/campaign/campaign_cost.hpp"
#include "unpact/data/dataset.hpp"
#include "unpact/train/stage_memory.hpp"
#include "unpact/unlearn/method.hpp"

namespace unpact {

/// What a pair's stages are reckoned from.
struct PairOnPaper {
  const Pair& pair;
  const Dataset& dataset;
  const ModelConfig& config;
  const Tokenizer& tokenizer;
  const std::vector<AskedQuestion>& questions;
};

/// Rates of one GPU: operations a second at the planned share of the peak; 0: unknown.
double train_rate(const Machine& machine, const Configuration& configuration);
double score_rate(const Machine& machine, const Configuration& configuration);
/// Bytes of a number that models answer in.
double score_bytes(const Configuration& configuration);

/// Reckons the stages of one pair; what several cells have in common is made once.
class PairReckoner {
 public:
  /// @param paper, machine must outlive it.
  PairReckoner(const PairOnPaper& paper, const Machine& machine);

  /// Stages that the cells share, and those of one cell, on campaign.ranks_per_cell ranks.
  PlannedStages shared();
  PlannedStages cell(const Configuration& cell);

  /// The fewest ranks a cell, a power of two that divides the GPUs, on which every stage of every cell fits; 0: none do, or
  /// nothing is known of the GPUs' memory. @param misfits gets the stages that do not fit on the campaign's own number.
  std::int64_t fitting_ranks(std::vector<Misfit>& misfits);

 private:
  struct Data {
    UnlearnData data;
    std::int64_t longest = 1;
  };

  const Data& data_of(const Configuration& cell);
  PlannedStage contributions(const Configuration& cell) const;
  const PlannedStages& evaluation(const Configuration& cell);
  PlannedStage looking(const Configuration& cell) const;
  std::vector<StageMemory> memory_of(const Configuration& cell, std::int64_t ranks);
  std::int64_t longest_asked(const Configuration& cell) const;
  void add_relearning(const Configuration& c, const std::string& stage, PlannedStages& stages) const;
  std::vector<Misfit> too_large(std::int64_t ranks);
  void fill_seconds(PlannedStages& stages, const Configuration& configuration) const;

  const PairOnPaper& paper_;
  const Machine& machine_;
  PromptTemplate prompt_;
  std::vector<Example> making_;                       ///< what the target is made with; empty: it is given
  std::vector<Example> relearned_;                    ///< what the probe relearn teaches; empty: it does not run
  std::size_t longest_of_metrics_ = 0;                ///< tokens of what the metrics ask
  std::map<std::string, Data> data_;                  ///< by data_key()
  std::map<std::string, PlannedStages> evaluations_;  ///< of unlearned models, by all that decides them
};

}  // namespace unpact
