#pragma once
/// A model that answers although no rank can hold it: its weights, in the dtype of the computation, lie cut over the ranks
/// of a group, as a training's do. A unit (model_units.hpp) is gathered before it runs, the next one in the background while
/// it computes, then released; the unit with the output head stays whole on every rank, where losses and scores use it. A
/// rank holds about 2 (N - h) / W + 2 h + two blocks in bytes of bf16 (N weights, h of them in the head's unit, W ranks).
///
/// Ranks need not have equally many passes, nor the same ones. Every pass begins with an agreement on how far it goes; a
/// rank that has none takes part in the others' gathers when it comes to a collective of the group (Communicator::Duty), or
/// destroys its model, and leaves that place when all ranks have come to such a one. So whatever meets over this group may
/// stand anywhere, and nothing has to be said at the ends of sections; only collectives over other lines between passes
/// are forbidden. A rank that throws serves the others as soon as it comes to where they tell each other (fail_together).
///
/// Forward passes alone, without gradients. The numbers are those of the whole model.
#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "unpact/checkpoint/config.hpp"
#include "unpact/checkpoint/weights.hpp"
#include "unpact/comm/communicator.hpp"
#include "unpact/model/flat_layout.hpp"
#include "unpact/model/transformer.hpp"

namespace unpact {

/// This rank's pieces of a model's weights.
class WeightPieces {
 public:
  WeightPieces(ModelConfig config, const Communicator& group, c10::ScalarType dtype, const c10::Device& device);

  /// Takes the piece of a unit whose weights lie whole in `whole`, as views of mapped files, say; a unit that is taken again
  /// counts as it was the last time. Not collective: every rank has, or can read, the same weights.
  void take(Weights& whole, std::size_t unit);
  void take_all(Weights whole);

  /// The name of the first weight of which this rank's piece is not finite, or an empty string.
  std::string first_non_finite() const;
  const ModelConfig& config() const { return config_; }
  c10::ScalarType dtype() const { return dtype_; }
  const c10::Device& device() const { return device_; }
  std::int64_t bytes() const;  ///< of this rank

  /// The same weights in another dtype.
  WeightPieces converted(c10::ScalarType dtype) const;
  /// Every unit's piece becomes another one of its shape; models that run on the old ones keep those.
  void change(const std::function<at::Tensor(std::size_t unit, const at::Tensor& piece)>& by);
  /// Of the unit with the head, whole. Undefined when it was never taken.
  const at::Tensor& piece(std::size_t unit) const { return pieces_[unit]; }
  bool is_whole(std::size_t unit) const;  ///< no other rank has anything of it
  FlatLayout layout(Weights& weights, std::size_t unit) const;

 private:
  ModelConfig config_;
  int rank_, ranks_;
  c10::ScalarType dtype_;
  c10::Device device_;
  std::vector<at::Tensor> pieces_;
};

/// A model that runs on pieces which have all been taken. Collective over `group`, which must outlive it; so is the end of
/// its last copy, unless an exception unwinds. Several may live over one group, and run in any order.
Transformer sharded_transformer(const Communicator& group, WeightPieces pieces);

/// The same of two models that answer as one (Transformer::contrast_with).
Transformer sharded_transformer(const Communicator& group, WeightPieces pieces, WeightPieces reinforced, double scale);

bool is_sharded(const Transformer& model);

/// What a sharded model runs on: the same memory. @pre is_sharded(model).
WeightPieces pieces_of(const Transformer& model);

/// A sharded model, once more in another dtype. Collective over the model's group.
Transformer sharded_in(const Communicator& group, const Transformer& model, c10::ScalarType dtype);

/// All weights in host memory where `keep`; elsewhere none. @param reinforced of the second model. Collective over the
/// model's group for a sharded one.
Weights weights_on_host(const Transformer& model, bool keep, bool reinforced = false);

}  // namespace unpact
