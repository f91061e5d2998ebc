#pragma once
/// What the trainer needs of the weights that it trains, whether every rank holds them all or a piece.
#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "unpact/train/optimizer.hpp"
#include "unpact/train/sharded_model.hpp"
#include "unpact/train/trainer.hpp"

namespace unpact {

class TrainedWeights {
 public:
  virtual ~TrainedWeights() = default;
  virtual at::Tensor& values() = 0;     ///< what this rank's optimizer updates
  virtual at::Tensor& gradients() = 0;  ///< float32; complete after finish_gradients()

  /// Whether every rank must run as many passes in a step, because a pass is collective.
  virtual bool passes_are_collective() const = 0;
  /// Before each micro-batch. @param counts false: it only takes part in the collectives (see ShardedModel::begin_pass).
  virtual void begin_pass(bool counts) = 0;
  virtual void finish_pass() = 0;       ///< after the backward pass of each micro-batch
  virtual void finish_gradients() = 0;  ///< after the last one of a step
  /// The 2-norm of the whole gradient, the same on every rank. Collective.
  virtual double gradient_norm() = 0;
  virtual std::string first_non_finite_gradient() = 0;  ///< collective
  /// One step of the optimizer, whose moments are cut like values().
  virtual void update(AdamW& optimizer, double learning_rate) { optimizer.step(values(), gradients(), learning_rate); }
  virtual void finish_step() = 0;  ///< after an update

  /// The first weight that is not finite, of those that nobody has checked so far; empty: none. Collective.
  virtual std::string first_non_finite_weight() = 0;
  /// Where the pieces of values() belong, for checkpoints; empty: these weights are not kept in any.
  virtual std::vector<ShardPiece> pieces() const = 0;
  virtual void values_were_read() = 0;  ///< after values() came from a checkpoint
  virtual void drop_gradients() = 0;    ///< gives their memory back: no pass can follow
  /// Whole weights as the last step left them, while the training goes on (GiveWeights). Collective.
  virtual Weights give(const ResultOptions& result) = 0;
  /// Whole weights into the model; again with other options, if need be. Collective.
  virtual void restore(const ResultOptions& result) = 0;
};

using Selection = std::function<bool(const std::string&)>;

std::unique_ptr<TrainedWeights> make_trained_weights(Transformer& model, const Selection& selected, Collectives& group,
                                                     const TrainOptions& options);

}  // namespace unpact
