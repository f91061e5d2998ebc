#pragma once
/// Checkpoints of a training run: one folder a step, one file a rank, and a manifest with sizes and checksums that is
/// written last. A folder with a final name is complete; docs/training.md describes the format.
///
/// Every function here is collective over the group, and errors are thrown on every rank.
#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "unpact/comm/collectives.hpp"
#include "unpact/core/json.hpp"
#include "unpact/train/sharded_model.hpp"

namespace unpact {

/// This rank's part of what continues a training. Sampling and schedule follow from the step alone.
struct TrainingState {
  at::Tensor values, first_moment, second_moment;  ///< of one length and cut like ShardedModel::values()
  std::int64_t step = 0;                           ///< steps done
  std::vector<double> coefficients;                ///< of the loss terms, for the next step
  Json history = Json::array();                    ///< what the steps so far reported
};

/// Removes the checkpoints of a run that is done. Called by one rank.
void remove_training_checkpoints(const std::filesystem::path& folder);

class TrainingCheckpoints {
 public:
  /// @param fingerprint of everything that decides the run's numbers; a checkpoint with another one is refused.
  /// @param keep how many are kept, at least 2: the newest may turn out to be damaged.
  TrainingCheckpoints(std::filesystem::path folder, std::string fingerprint, std::vector<ShardPiece> pieces,
                      Collectives& group, const c10::Device& device, std::int64_t keep);
  /// Waits for this rank's writer. What it wrote stays under its temporary name.
  ~TrainingCheckpoints();
  TrainingCheckpoints(const TrainingCheckpoints&) = delete;
  TrainingCheckpoints& operator=(const TrainingCheckpoints&) = delete;

  /// Copies the state and writes it in the background; the tensors may change at once. A save under way is finished
  /// first. @throws RuntimeFailure, as do poll() and finish(), naming the rank that failed and why, on every rank.
  void start_save(const TrainingState& state);
  /// Completes a save that all ranks have written; call between steps. @throws RuntimeFailure when writing failed
  /// anywhere; older checkpoints are untouched.
  void poll();
  /// Waits until nothing is being saved.
  void finish();
  /// Seconds that the last complete save took, on this rank.
  double save_seconds() const { return save_seconds_; }

  /// Fills the state from the newest checkpoint that is whole, straight into its tensors: no second copy of them is made.
  /// Damaged ones are named in a warning, set aside as *.bad and the one before is taken. The number of ranks may differ from
  /// that of the saving run. After an error the tensors may hold parts of a checkpoint.
  /// @return whether there was one. @throws UserError for one that belongs to another run or a newer format, or when all
  /// are damaged.
  bool load(TrainingState& state);

 private:
  struct Save;
  void complete();
  std::string by_rank(const std::string& reason) const;
  void together(const std::function<void()>& step);
  void publish(const Save& save, const at::Tensor& table_RC);
  void read_step(std::int64_t step, TrainingState& state) const;
  bool try_load(std::int64_t step, TrainingState& state);
  std::vector<std::int64_t> list_steps();
  bool agree(bool good);

  std::filesystem::path folder_;
  std::string fingerprint_;
  std::vector<ShardPiece> pieces_;
  Collectives& group_;
  c10::Device device_;
  std::int64_t keep_;
  std::unique_ptr<Save> save_;
  double save_seconds_ = 0;
};

}  // namespace unpact
