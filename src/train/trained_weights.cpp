#include "trained_weights.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <cmath>

#include "adapter_scope.hpp"
#include "offload.hpp"
#include "unpact/core/error.hpp"
#include "unpact/model/model_units.hpp"
#include "unpact/train/parameters.hpp"

namespace unpact {
namespace {

/// Every rank holds everything: the simple reference.
class ReplicatedWeights final : public TrainedWeights {
 public:
  ReplicatedWeights(Transformer& model, Selection selected, Collectives& group)
      : model_(model), selected_(std::move(selected)), group_(group), parameters_(model, selected_) {}
  at::Tensor& values() override { return parameters_.values(); }
  at::Tensor& gradients() override { return parameters_.gradients(); }
  bool passes_are_collective() const override { return false; }
  void begin_pass(bool counts) override { UNPACT_EXPECT(counts); }
  void finish_pass() override {}
  void finish_gradients() override { group_.all_reduce(parameters_.gradients()); }
  double gradient_norm() override { return parameters_.gradients().norm().item<double>(); }
  std::string first_non_finite_gradient() override { return parameters_.first_non_finite_gradient(); }
  void finish_step() override {}
  std::string first_non_finite_weight() override { return {}; }  // who loads a model whole looks at its weights
  std::vector<ShardPiece> pieces() const override { return {}; }
  void values_were_read() override {}
  void drop_gradients() override {}
  void restore(const ResultOptions& result) override;
  Weights give(const ResultOptions& result) override;

 private:
  void put(const std::vector<at::Tensor>& trained, Weights& weights, const ResultOptions& result) const;
  Transformer& model_;
  Selection selected_;
  std::vector<at::Tensor> trained_;  // as the last step left them, in the order of weight_specs
  Collectives& group_;
  ParameterBuffer parameters_;
};

void ReplicatedWeights::restore(const ResultOptions& result) {
  const c10::NoGradGuard guard;
  if (trained_.empty())
    for (const auto& spec : weight_specs(model_.config(), model_.weights())) trained_.push_back(spec.slot->detach());
  put(trained_, model_.weights(), result);
}

Weights ReplicatedWeights::give(const ResultOptions& result) {
  const c10::NoGradGuard guard;
  auto weights = model_.weights();
  std::vector<at::Tensor> trained;
  for (const auto& spec : weight_specs(model_.config(), weights)) trained.push_back(spec.slot->detach());
  put(trained, weights, result);
  return weights;
}

void ReplicatedWeights::put(const std::vector<at::Tensor>& trained, Weights& weights, const ResultOptions& result) const {
  auto specs = weight_specs(model_.config(), weights);
  const bool keeps = result.keeper < 0 || result.keeper == group_.rank();
  const auto first = before_merging(model_.config(), result);
  for (std::size_t i = 0; i < specs.size(); ++i) {
    auto weight = trained[i];
    if (first.change && selected_(specs[i].name)) weight = first.change(specs[i].name, weight);
    const auto device = result.keeper < 0 ? weight.device() : c10::Device(at::kCPU);
    *specs[i].slot = keeps ? weight.to(device, first.dtype) : at::Tensor();
  }
  const auto units = unit_count(model_.config());
  for (std::size_t unit = 0; unit < units; ++unit) merge_adapters(model_.config(), weights, unit, result);
  if (model_.config().tied_embeddings) weights.head_VD = weights.embedding_VD;
  for (std::size_t unit = 0; unit < units; ++unit) result.hand_over(model_.config(), weights, unit);
}

class ShardedWeights final : public TrainedWeights {
 public:
  ShardedWeights(Transformer& model, const Selection& selected, Collectives& group, const ShardOptions& options)
      : group_(group), model_(model, selected, group, options), offloaded_(options.offload),
        mapped_(options.device.has_value()) {}
  at::Tensor& values() override { return model_.values(); }
  at::Tensor& gradients() override { return model_.gradients(); }
  bool passes_are_collective() const override { return !group_.is_alone(); }
  void begin_pass(bool counts) override { model_.begin_pass(counts); }
  void finish_pass() override { model_.finish_pass(); }
  void finish_gradients() override {}
  double gradient_norm() override {
    const auto own = model_.gradients().norm().item<double>();
    if (group_.size() == 1) return own;
    auto square = at::full({1}, own * own, at::TensorOptions().dtype(at::kDouble).device(model_.gradients().device()));
    group_.all_reduce(square);
    return std::sqrt(square.item<double>());
  }
  std::string first_non_finite_gradient() override { return model_.first_non_finite_gradient(); }
  void update(AdamW& optimizer, double learning_rate) override {
    if (!offloaded_) return TrainedWeights::update(optimizer, learning_rate);
    step_in_host_memory(optimizer, {model_.values(), model_.gradients(), model_.working()}, learning_rate);
  }
  void finish_step() override { model_.finish_step(); }
  /// Of mapped weights every rank has read its pieces alone, and nobody has looked at them.
  std::string first_non_finite_weight() override { return mapped_ ? model_.first_non_finite_weight() : std::string(); }
  std::vector<ShardPiece> pieces() const override { return model_.pieces(); }
  void values_were_read() override {
    if (offloaded_) model_.working().copy_(model_.values());
    model_.finish_step();
  }
  void drop_gradients() override { model_.drop_gradients(); }
  void restore(const ResultOptions& result) override { model_.restore(result); }
  Weights give(const ResultOptions& result) override { return model_.give(result); }

 private:
  Collectives& group_;
  ShardedModel model_;
  bool offloaded_, mapped_;
};

}  // namespace

std::unique_ptr<TrainedWeights> make_trained_weights(Transformer& model, const Selection& selected, Collectives& group,
                                                     const TrainOptions& options) {
  const auto& execution = options.execution;
  UNPACT_EXPECT(execution.shard != Shard::none || !options.device);
  if (execution.shard == Shard::none) return std::make_unique<ReplicatedWeights>(model, selected, group);
  ShardOptions shard;
  shard.keep_gathered = execution.shard == Shard::gradients;
  shard.recompute = execution.recompute;
  shard.deterministic = execution.deterministic;
  shard.offload = execution.offload_optimizer;
  shard.device = options.device;
  shard.as_stored = execution.lora_rank > 0;
  if (execution.dtype == ComputeType::bf16) shard.compute = at::kBFloat16;
  if (execution.master_weights == MasterWeights::none) shard.master = shard.compute;
  return std::make_unique<ShardedWeights>(model, selected, group, shard);
}

}  // namespace unpact
