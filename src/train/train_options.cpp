#include <cmath>

#include "unpact/checkpoint/adapters.hpp"
#include "unpact/comm/device.hpp"
#include "unpact/core/error.hpp"
#include "unpact/train/trainer.hpp"

namespace unpact {
namespace {

void check_adapters(const TrainExecution& execution) {
  UNPACT_VALIDATE(execution.lora_rank >= 0, concat("option 'train.lora_rank' is ", execution.lora_rank),
                  "it must not be negative", "use e.g. 8, or 0 to train the weights themselves");
  UNPACT_VALIDATE(std::isfinite(execution.lora_alpha) && execution.lora_alpha > 0,
                  concat("option 'train.lora_alpha' is ", execution.lora_alpha), "it must be a positive, finite number",
                  "use twice train.lora_rank");
  check_adapter_targets(execution.lora_targets);
  UNPACT_VALIDATE(execution.lora_result == LoraResult::merged || execution.lora_rank > 0,
                  "option 'train.lora_result' is 'adapter', but train.lora_rank is 0", "no adapters are trained",
                  "set train.lora_rank = 8, say, or leave train.lora_result away");
}

void check_execution(const TrainExecution& execution) {
  const bool whole = execution.shard == Shard::none, is_bf16 = execution.dtype == ComputeType::bf16;
  UNPACT_VALIDATE(!whole || (!is_bf16 && !execution.recompute),
                  "option 'train.shard = none' contradicts train.dtype or train.recompute",
                  "the reference trainer computes in fp32 and keeps all activations", "use train.shard = auto");
  UNPACT_VALIDATE(!whole || !execution.offload_optimizer,
                  "options 'train.shard = none' and 'train.offload_optimizer = true' contradict each other",
                  "the reference trainer keeps everything where the model is", "use train.shard = auto");
  UNPACT_VALIDATE(execution.checkpoint_every >= 0, concat("option 'train.checkpoint_every' is ", execution.checkpoint_every),
                  "it must not be negative", "use 0 for checkpoints no matter how many steps were made");
  UNPACT_VALIDATE(std::isfinite(execution.checkpoint_minutes) && execution.checkpoint_minutes >= 0,
                  concat("option 'train.checkpoint_minutes' is ", execution.checkpoint_minutes),
                  "it must be a finite number >= 0", "use 0 for checkpoints no matter how long it takes");
  UNPACT_VALIDATE(execution.checkpoint_keep >= 2, concat("option 'train.checkpoint_keep' is ", execution.checkpoint_keep),
                  "the newest checkpoint may turn out to be damaged", "keep at least 2");
  UNPACT_VALIDATE(std::isfinite(execution.peak_tflops) && execution.peak_tflops >= 0,
                  concat("option 'train.peak_tflops' is ", execution.peak_tflops), "it must be a finite number >= 0",
                  "use 0 if it is unknown");
  check_adapters(execution);
  UNPACT_VALIDATE(execution.master_weights != MasterWeights::none || is_bf16, "option 'train.master_weights' is 'none'",
                  "in fp32 the weights are their own masters", "use it with train.dtype = bf16, or leave it away");
}

}  // namespace

ComputeType effective_dtype(const TrainExecution& execution, const c10::Device& device) {
  const bool asks_device = execution.dtype == ComputeType::automatic;  // which need not be here when it is planned for
  return effective_dtype(execution, asks_device ? compute_capability(device) : 0);
}

ComputeType effective_dtype(const TrainExecution& execution, int capability) {
  if (execution.dtype != ComputeType::automatic) return execution.dtype;
  const bool has_bf16 = capability >= kCapabilityOfBf16;
  return has_bf16 && execution.shard != Shard::none ? ComputeType::bf16 : ComputeType::fp32;
}

void check_train_options(const TrainOptions& options) {
  const auto require = [](bool good, const char* name, auto value, const char* rule) {
    UNPACT_VALIDATE(good, concat("option '", name, "' is ", value), rule,
                    "correct it in the configuration or on the command line");
  };
  require(options.epochs >= 0, "epochs", options.epochs, "it must not be negative");
  require(options.max_steps >= 0, "max_steps", options.max_steps, "it must not be negative");
  require(options.batch_size > 0, "batch_size", options.batch_size, "it must be positive");
  require(options.micro_batch > 0, "micro_batch", options.micro_batch, "it must be positive");
  require(options.learning_rate >= 0 && std::isfinite(options.learning_rate), "learning_rate", options.learning_rate,
          "it must be a finite number >= 0");
  require(options.warmup_steps >= 0, "warmup_steps", options.warmup_steps, "it must not be negative");
  require(options.clip_norm >= 0, "clip_norm", options.clip_norm, "it must not be negative (0: no clipping)");
  require(options.adamw.beta1 >= 0 && options.adamw.beta1 < 1, "beta1", options.adamw.beta1, "it must lie in [0, 1)");
  require(options.adamw.beta2 >= 0 && options.adamw.beta2 < 1, "beta2", options.adamw.beta2, "it must lie in [0, 1)");
  require(options.adamw.epsilon > 0 && std::isfinite(options.adamw.epsilon), "epsilon", options.adamw.epsilon,
          "it must be positive: weights without gradient would become NaN");
  require(options.adamw.weight_decay >= 0 && std::isfinite(options.adamw.weight_decay), "weight_decay",
          options.adamw.weight_decay, "it must be a finite number >= 0");
  check_execution(options.execution);
}

namespace {

std::int64_t quotient_up(std::int64_t number, std::int64_t by) { return (number + by - 1) / by; }

}  // namespace

std::int64_t count_steps(const TrainOptions& options, std::int64_t examples) {
  if (options.max_steps > 0) return options.max_steps;
  if (options.step_rule == StepRule::per_epoch) return options.epochs * quotient_up(examples, options.batch_size);
  return quotient_up(options.epochs * examples, options.batch_size);
}

std::int64_t first_position(const TrainOptions& options, std::int64_t examples, std::int64_t step) {
  if (options.step_rule == StepRule::continuous || examples == 0) return step * options.batch_size;
  const auto steps = quotient_up(examples, options.batch_size);  // of an epoch
  return step / steps * examples + step % steps * options.batch_size;
}

}  // namespace unpact
