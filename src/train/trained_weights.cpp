#include "trained_weights.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <cmath>

#include "offload.hpp"
#include "unpact/core/error.hpp"
#include "unpact/train/parameters.hpp"

namespace unpact {
namespace {

/// Every rank holds everything: the simple reference.
class ReplicatedWeights final : public TrainedWeights {
 public:
  ReplicatedWeights(Transformer& model, const Selection& selected, Collectives& group)
      : group_(group), parameters_(model, selected) {}
  at::Tensor& values() override { return parameters_.values(); }
  at::Tensor& gradients() override { return parameters_.gradients(); }
  void finish_pass() override {}
  void finish_gradients() override { group_.all_reduce(parameters_.gradients()); }
  void finish_step() override {}
  double gradient_norm() override { return parameters_.gradients().norm().item<double>(); }
  std::string first_non_finite_gradient() override { return parameters_.first_non_finite_gradient(); }
  void restore(int) override {}

 private:
  Collectives& group_;
  ParameterBuffer parameters_;
};

class ShardedWeights final : public TrainedWeights {
 public:
  ShardedWeights(Transformer& model, const Selection& selected, Collectives& group, const ShardOptions& options)
      : group_(group), model_(model, selected, group, options), offloaded_(options.offload) {}
  at::Tensor& values() override { return model_.values(); }
  at::Tensor& gradients() override { return model_.gradients(); }
  void finish_pass() override { model_.finish_pass(); }
  void finish_gradients() override {}
  void update(AdamW& optimizer, double learning_rate) override {
    if (!offloaded_) return TrainedWeights::update(optimizer, learning_rate);
    step_in_host_memory(optimizer, {model_.values(), model_.gradients(), model_.working()}, learning_rate);
  }
  void finish_step() override { model_.finish_step(); }
  void set_values(const at::Tensor& stored) override {
    model_.values().copy_(stored);
    if (offloaded_) model_.working().copy_(model_.values());
    model_.finish_step();
  }
  double gradient_norm() override {
    const auto own = model_.gradients().norm();
    if (group_.size() == 1) return own.item<double>();
    auto square = own.to(at::kFloat).square().view({1});
    group_.all_reduce(square);
    return std::sqrt(square.item<double>());
  }
  std::string first_non_finite_gradient() override { return model_.first_non_finite_gradient(); }
  void restore(int keeper) override { model_.restore(keeper); }
  ShardedModel* sharded() override { return &model_; }

 private:
  Collectives& group_;
  ShardedModel model_;
  bool offloaded_;
};

}  // namespace

std::unique_ptr<TrainedWeights> make_trained_weights(Transformer& model, const Selection& selected, Collectives& group,
                                                     const TrainOptions& options) {
  const auto& execution = options.execution;
  UNPACT_EXPECT(execution.shard != "none" || !options.device);
  if (execution.shard == "none") return std::make_unique<ReplicatedWeights>(model, selected, group);
  ShardOptions shard;
  shard.keep_gathered = execution.shard == "gradients";
  shard.recompute = execution.recompute;
  shard.deterministic = execution.deterministic;
  shard.offload = execution.offload_optimizer;
  shard.device = options.device;
  if (execution.dtype == "bf16") shard.compute = at::kBFloat16;
  if (execution.master_weights == "none") shard.master = shard.compute;
  return std::make_unique<ShardedWeights>(model, selected, group, shard);
}

}  // namespace unpact
