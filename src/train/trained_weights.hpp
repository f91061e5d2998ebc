#pragma once
/// What the trainer needs of the weights that it trains, whether every rank holds them all or a piece.
#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <string>

#include "unpact/train/optimizer.hpp"
#include "unpact/train/sharded_model.hpp"
#include "unpact/train/trainer.hpp"

namespace unpact {

class TrainedWeights {
 public:
  virtual ~TrainedWeights() = default;
  virtual at::Tensor& values() = 0;     ///< what this rank's optimizer updates
  virtual at::Tensor& gradients() = 0;  ///< float32; complete after finish_gradients()
  virtual void finish_pass() = 0;       ///< behind the backward pass of each micro-batch
  virtual void finish_gradients() = 0;  ///< behind the last one of a step
  /// One step of the optimizer, whose moments are cut like values().
  virtual void update(AdamW& optimizer, double learning_rate) { optimizer.step(values(), gradients(), learning_rate); }
  virtual void finish_step() = 0;       ///< behind an update
  /// Other values, those of a checkpoint.
  virtual void set_values(const at::Tensor& stored) { values().copy_(stored); }
  /// The 2-norm of the whole gradient, the same on every rank. Collective.
  virtual double gradient_norm() = 0;
  virtual std::string first_non_finite_gradient() = 0;  ///< collective
  virtual void restore(int keeper) = 0;
  /// The sharded weights behind this object, or null.
  virtual ShardedModel* sharded() { return nullptr; }
};

using Selection = std::function<bool(const std::string&)>;

std::unique_ptr<TrainedWeights> make_trained_weights(Transformer& model, const Selection& selected, Collectives& group,
                                                     const TrainOptions& options);

}  // namespace unpact
