#pragma once
/// Weights of one part of the model as one flat vector, padded to a multiple of the number of ranks and cut evenly over
/// them. The whole vector exists only between gather and release: the model's tensors are views of a storage whose
/// memory comes and goes.
#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <vector>

#include "unpact/comm/collectives.hpp"
#include "unpact/model/flat_layout.hpp"
#include "unpact/train/training_result.hpp"

namespace unpact {

class FlatShard {
 public:
  /// Cuts this rank's piece out of the model's tensors into `values`, (shard), and replaces those by views. Not collective:
  /// every rank holds, or can read, the same tensors. @param gradients this rank's piece for trained weights; undefined for
  /// frozen ones. @param master where the piece is kept as it was stored, if not in `values`: in host memory, perhaps more
  /// exact.
  FlatShard(FlatLayout layout, Collectives& group, c10::ScalarType compute, at::Tensor values, at::Tensor gradients,
            at::Tensor master = {});
  ~FlatShard();
  FlatShard(const FlatShard&) = delete;
  FlatShard& operator=(const FlatShard&) = delete;

  const FlatLayout& layout() const { return layout_; }
  bool trained() const { return trained_; }

  /// What this rank holds of the gradient of a slice; often nothing.
  at::Tensor gradient_of(const WeightSlice& slice) const { return own_part(gradient_shard_, slice); }
  at::Tensor weight_of(const WeightSlice& slice) const { return own_part(shard_, slice); }  ///< the same of the weights

  void start_gather();       ///< in the background; nothing when the weights are there or on their way
  void gather();             ///< the weights are there when this returns
  void release();            ///< gives their memory back
  void prepare_gradients();  ///< the tensors collect gradients from now on
  /// Begins to add the gradients to this rank's piece of their sum over ranks. @param counts false: those of this rank are
  /// taken as zero, whatever they are; only in a group of several ranks.
  void start_reduce(bool counts);
  void finish_reduce();
  void drop_gradients();  ///< gives their memory back: no pass can follow
  /// The stored weights, whole and as the result wants them, one behind the other; undefined where they are not kept. They may
  /// share memory with the shard. Collective.
  at::Tensor whole(const ResultOptions& result);
  /// A slice of whole().
  static at::Tensor weight_in(const at::Tensor& whole, const WeightSlice& slice);
  /// The same into the model.
  void restore(const ResultOptions& result);

 private:
  bool is_direct() const;  // the piece is the whole and needs no conversion
  at::Tensor own_part(const at::Tensor& shard, const WeightSlice& slice) const;
  void make_views();
  at::Tensor changed(const at::Tensor& whole, const ResultOptions& result, const c10::Device& device) const;
  void collect();

  FlatLayout layout_;
  Collectives& group_;
  c10::ScalarType compute_;
  at::Tensor shard_, gradient_shard_, master_;
  const bool trained_;
  at::Tensor full_, fresh_, sent_;   // (ranks * shard), compute dtype; `full_` has memory while present_
  at::Tensor gradients_, received_;  // float32
  std::vector<at::Tensor> views_;
  std::unique_ptr<PendingCollective> gathering_, reducing_;
  bool present_ = false;
};

}  // namespace unpact
