#pragma once
/// Data-parallel training of any sum of loss terms.
///
/// Which examples a step sees follows from their global index alone, so the loss does not depend on the number of
/// ranks (up to the order of floating-point sums).
#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "unpact/comm/collectives.hpp"
#include "unpact/core/enumeration.hpp"
#include "unpact/core/error.hpp"
#include "unpact/data/context_limit.hpp"
#include "unpact/results/training.hpp"
#include "unpact/train/loss_term.hpp"
#include "unpact/train/optimizer.hpp"
#include "unpact/train/save_points.hpp"
#include "unpact/train/training_result.hpp"

namespace unpact {

/// How a model is cut over the ranks of a training.
enum class Shard {
  automatic,   ///< as `parameters`
  parameters,  ///< weights, gradients and optimizer state (ZeRO-3)
  gradients,   ///< the same, but the weights stay whole between the passes of a step (ZeRO-2)
  none,        ///< not at all: every rank holds everything, in fp32 (the reference)
};
UNPACT_ENUMERATION(Shard, "auto", "parameters", "gradients", "none");

/// What a training computes in.
enum class ComputeType {
  automatic,  ///< bf16 where the device is a GPU that computes in it and the model is cut up, else fp32
  fp32,
  bf16,
};
UNPACT_ENUMERATION(ComputeType, "auto", "fp32", "bf16");

enum class MasterWeights {
  fp32,
  none,  ///< bf16 weights are updated as they are, as published code does
};
UNPACT_ENUMERATION(MasterWeights, "fp32", "none");

/// What a training with adapters leaves behind on the disk.
enum class LoraResult {
  merged,   ///< a model like the one that it started from
  adapter,  ///< an adapter folder, as peft has them
};
UNPACT_ENUMERATION(LoraResult, "merged", "adapter");

/// How a training runs; nothing here but dtype, master_weights, long_examples and lora_* changes its numbers beyond the order of
/// sums.
struct TrainExecution {
  Shard shard = Shard::automatic;
  bool recompute = false;          ///< blocks run again in the backward pass instead of keeping their activations
  bool packing = true;             ///< examples of a micro-batch lie behind each other in one row, without padding
  bool offload_optimizer = false;  ///< master weights and moments in host memory; for models on another device
  bool deterministic = true;       ///< CUDA: the same bits in every run, by slower kernels of attention
  ComputeType dtype = ComputeType::automatic;
  MasterWeights master_weights = MasterWeights::fp32;
  LongExamples long_examples = LongExamples::refuse;
  std::int64_t lora_rank = 0;  ///< of adapters that train in the weights' place (checkpoint/adapters.hpp); 0: none
  double lora_alpha = 16;
  std::string lora_targets = "all";
  LoraResult lora_result = LoraResult::merged;
  std::int64_t checkpoint_every = 0;  ///< steps between two checkpoints; 0: no matter how many
  double checkpoint_minutes = 10;     ///< between two checkpoints, by rank 0's clock; 0: no matter how long
  std::int64_t checkpoint_keep = 2;
  double peak_tflops = 0;  ///< of one rank's device, for the MFU; 0: unknown
};

/// Where the steps of an epoch end, of n examples in batches of b.
enum class StepRule {
  continuous,  ///< wherever they come to: ceil(epochs n / b) steps, of which the last alone may be smaller
  per_epoch,   ///< with the epoch: epochs ceil(n / b) steps, the last of every epoch smaller (transformers' Trainer)
};
UNPACT_ENUMERATION(StepRule, "continuous", "per_epoch");

/// Whose 2-norm clip_norm limits.
enum class ClipRule {
  sum,    ///< the gradient's of the whole loss: a term whose own is large starves the others
  terms,  ///< each term's without its coefficient: clipped gradients are weighted with the coefficients and added
};
UNPACT_ENUMERATION(ClipRule, "sum", "terms");

struct TrainOptions {
  std::int64_t epochs = 1;       ///< passes over the first term's examples
  std::int64_t max_steps = 0;    ///< 0: as many as the epochs need
  std::int64_t batch_size = 32;  ///< examples a step, over all ranks, for each term
  StepRule step_rule = StepRule::continuous;
  std::int64_t micro_batch = 32;  ///< examples that one rank runs at once; more are accumulated
  double learning_rate = 1e-5;
  Schedule schedule = Schedule::constant;
  std::int64_t warmup_steps = 0;
  double clip_norm = 1.0;  ///< 0: no clipping
  ClipRule clip = ClipRule::sum;
  AdamWOptions adamw;
  std::uint64_t seed = 0;
  bool shuffle = true;
  TrainExecution execution;
  // Not part of a configuration:
  std::string checkpoint_folder;  ///< where the run leaves off and continues; empty: nowhere
  std::string identity;           ///< what the numbers depend on besides these options: model, data and method, as text
  std::string step_log;           ///< file for a line of JSON a step; empty: none
  /// Where to train when the model's weights are views of mapped files (map_weights), of which each rank then reads its
  /// pieces alone; unset: where the weights are.
  std::optional<c10::Device> device;
  /// What the frozen weights of a training with adapters are stored in: a plan reckons with it.
  c10::ScalarType stored = c10::ScalarType::Float;
  ResultOptions result;
  SavePoints points;  ///< where somebody looks on the way
};

/// A loss or gradient was not finite. The weights are those of the step before.
class TrainingDiverged : public RuntimeFailure {
 public:
  using RuntimeFailure::RuntimeFailure;
};

/// @throws UserError naming the option.
void check_train_options(const TrainOptions& options);

/// The config of a model during a training: with the adapters that the options ask for. @throws UserError for targets that the
/// model has not.
ModelConfig with_adapters(const ModelConfig& config, const TrainOptions& options);

/// Whether an adapter folder is wanted. @throws UserError, before anything trains, where this model's cannot be written.
bool wants_adapter(const TrainOptions& options, const ModelConfig& config);

/// What `execution.dtype` comes to on a device: never automatic.
ComputeType effective_dtype(const TrainExecution& execution, const c10::Device& device);
/// The same on a device of this compute_capability().
ComputeType effective_dtype(const TrainExecution& execution, int capability);

/// How a term draws the examples of a step. All follow from the global position alone.
enum class Sampling {
  epoch,    ///< passes over all its examples, each in a random order
  uniform,  ///< every position any example, with equal chance (open-unlearning's retain set)
  paired,   ///< position i: example i mod count of the one that the first term draws there (muse_bench's retain set)
};
UNPACT_ENUMERATION(Sampling, "epoch", "uniform", "paired");

/// A coefficient that follows the training (a dual variable, say): its value for the next step.
/// @param loss the term's value in step `step` (1-based) over all ranks, so that all ranks compute the same.
using CoefficientRule = std::function<double(double coefficient, double loss, std::int64_t step)>;

/// A term and its coefficient in the loss.
struct WeightedTerm {
  const LossTerm* term;
  double coefficient;
  Sampling sampling = Sampling::epoch;
  CoefficientRule rule = {};  ///< empty: the coefficient stays. Its current value belongs to the training's state.
};

/// Trains the selected weights in place. Every term draws `batch_size` examples a step; an epoch is one pass over the
/// first term's examples. Collective over the group. @throws TrainingDiverged on every rank, before any weight changes,
/// when a loss or gradient is not finite, naming the tensor.
/// With a checkpoint folder the run continues from what it finds there (on_step is called for the steps of before, too)
/// and heeds stop_wanted(): it then saves and throws StoppedAtCheckpoint on every rank, leaving the model without weights.
/// The caller removes the folder once the result is safe (remove_training_checkpoints).
/// Gradients and moments are gone before whole weights are put together (ResultOptions). With a keeper the model is left
/// without weights on the other ranks. @throws UserError on every rank for weights in mapped
/// files that are not finite.
/// With lora_rank the weights stay as they are stored, and adapters of those `selected` train beside them; behind the last step
/// they are added to their weights, in float32, and the model has none any more. The model before the training is then the model
/// without its adapters, so whoever asks one asks the other.
/// @param selected by Hugging Face name; an empty function trains all.
std::vector<StepReport> train(Transformer& model, const std::vector<WeightedTerm>& terms, const TrainOptions& options,
                              Collectives& group, const std::function<bool(const std::string&)>& selected = {},
                              const std::function<void(const StepReport&)>& on_step = {});

/// Steps that train() will take for this many examples.
std::int64_t count_steps(const TrainOptions& options, std::int64_t examples);

/// The position at which step `step` (from 0) begins, counting the drawn examples of the first term, of which there are
/// `examples`: position p lies in epoch p / examples.
std::int64_t first_position(const TrainOptions& options, std::int64_t examples, std::int64_t step);

}  // namespace unpact
