#pragma once
/// Low-rank adapters of a model for the time of a training; private to this layer.
#include <cstddef>
#include <functional>
#include <string>

#include "unpact/checkpoint/config.hpp"
#include "unpact/checkpoint/weights.hpp"
#include "unpact/model/transformer.hpp"
#include "unpact/train/trainer.hpp"

namespace unpact {

/// While it lives, the model has the adapters that the options ask for, if any.
class AdapterScope {
 public:
  using Selected = std::function<bool(const std::string&)>;

  /// @throws UserError for targets that the model has not.
  AdapterScope(Transformer& model, const TrainOptions& options);
  ~AdapterScope();
  AdapterScope(const AdapterScope&) = delete;
  AdapterScope& operator=(const AdapterScope&) = delete;

  /// What trains, by name: the adapters of the weights that would, or those weights themselves. @throws UserError when none of
  /// these has an adapter.
  Selected trained(Selected weights) const;

 private:
  Transformer& model_;
  bool has_any_;
};

/// The adapters that the options ask for of a model of this config.
AdapterShape adapters_of(const ModelConfig& config, const TrainOptions& options);

/// How a unit is put together before its adapters are merged: in float32, its weights unchanged.
ResultOptions before_merging(const ModelConfig& config, const ResultOptions& result);

/// W + scale B A, in float32, for all weights of a unit that have adapters, on their way into the result; without adapters
/// nothing. Where a rank has no weights it does nothing, either.
void merge_adapters(const ModelConfig& config, Weights& weights, std::size_t unit, const ResultOptions& result);

}  // namespace unpact
