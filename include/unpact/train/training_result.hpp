#pragma once
/// How a training hands its weights over.
#include <ATen/core/Tensor.h>
#include <c10/core/ScalarType.h>

#include <cstddef>
#include <functional>
#include <string>

#include "unpact/checkpoint/weights.hpp"

namespace unpact {

struct ResultOptions {
  int keeper = -1;  ///< the rank that gets the whole result, on the CPU; -1: all do, on their devices
  c10::ScalarType dtype = c10::ScalarType::Float;  ///< what all weights become, a unit at a time
  /// What becomes of a trained weight, whole and in float32, on its way into the result; must leave its argument as it is.
  /// Empty: it stays as it was trained.
  std::function<at::Tensor(const std::string& name, const at::Tensor& weight)> change = {};
  /// Called on every rank after the last step, before anything is put together: what only steps need may go, the terms of
  /// the loss included.
  std::function<void()> before = {};
  /// Where a result of a coarser dtype shall be kept exactly, too: gets it in float32, on the CPU of rank 0; the others get
  /// no tensors. null: nowhere.
  Weights* exact = nullptr;
  /// Called on every rank with each unit (model_units.hpp) of the whole result as soon as it is there; then its weights are
  /// let go, so that no rank ever holds all. Empty: they stay. Not with a keeper, and not for `exact`.
  std::function<void(Weights& weights, std::size_t unit)> take_unit = {};

  /// A training with adapters: gets them, by their names, where whole weights go (float32, on the CPU); the result has them
  /// merged all the same. null: nowhere.
  NamedTensors* adapters = nullptr;

  /// Gives a unit of the result away, if that is asked for.
  void hand_over(const ModelConfig& config, Weights& weights, std::size_t unit) const;
};

}  // namespace unpact
