#pragma once
/// A model whose weights, gradients and optimizer state are spread over the ranks of a group (ZeRO-3, Rajbhandari et
/// al., arXiv 1910.02054). A unit - a transformer block, the embedding, or the final norm with the head; with tied
/// embeddings the first and the last are one - is gathered before it runs and released behind it, while the next one is
/// fetched in the background. In the backward pass its gradient is summed over ranks and cut while the unit before
/// computes. docs/training.md has the memory that this takes.
#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "unpact/comm/collectives.hpp"
#include "unpact/model/transformer.hpp"
#include "unpact/train/training_result.hpp"

namespace unpact {

struct FlatLayout;
struct PartPass;

struct ShardOptions {
  bool keep_gathered = false;  ///< ZeRO-2: weights stay whole between the passes of a step
  bool recompute = false;      ///< blocks keep their input alone and run again in the backward pass
  bool deterministic = true;   ///< on CUDA: blocks by kernels that give the same bits in every run
  c10::ScalarType compute = c10::ScalarType::Float;
  c10::ScalarType master = c10::ScalarType::Float;  ///< dtype of values()
  /// values() lie in host memory (page-locked for a CUDA model); the device keeps working() alone.
  bool offload = false;
  /// Where the pieces go when the model's weights are only views to cut them from (map_weights): then frozen pieces are
  /// float32, too, unless as_stored. Unset: the pieces stay where the weights are.
  std::optional<c10::Device> device;
  bool as_stored = false;
};

/// Where a piece of values() belongs in the model, for checkpoints.
struct ShardPiece {
  std::string unit;        ///< e.g. "block 3"
  std::int64_t unit_size;  ///< trained weights of the unit
  std::int64_t shard;      ///< elements a rank; rank r has [r * shard, (r + 1) * shard) of the unit, then padding
  std::int64_t begin;      ///< in values()
};

class ShardedModel final : public PartRunner {
 public:
  /// Spreads the model's weights, which all ranks hold or can read, and becomes its runner. Those `selected` by name are
  /// trained. @throws UserError when nothing is selected.
  ShardedModel(Transformer& model, const std::function<bool(const std::string&)>& selected, Collectives& group,
               const ShardOptions& options);
  /// Without restore() the model is left without weights.
  ~ShardedModel() override;

  at::Tensor& values() { return values_; }  ///< this rank's trained weights, `master`
  /// What is gathered of them: values() itself, or with `offload` a copy on the model's device in the computation's dtype.
  /// Who changes values() brings it up to date.
  at::Tensor& working() { return working_; }
  at::Tensor& gradients() { return gradients_; }  ///< and the sums of their gradients over ranks, float32
  const std::vector<ShardPiece>& pieces() const { return pieces_; }

  /// Call before the forward pass of each micro-batch. @param counts false: the pass only takes part in the collectives; its
  /// gradients on this rank are taken as exactly zero, even where they are not finite. Only in a group of several ranks.
  void begin_pass(bool counts);
  /// Call after the backward pass of each micro-batch. Collective: every rank has as many.
  void finish_pass();
  /// Call when values() have changed.
  void finish_step();
  /// The name of the first weight whose gradient is not finite on any rank, or an empty string. Collective.
  std::string first_non_finite_gradient();
  /// The same of the weights themselves, frozen ones included.
  std::string first_non_finite_weight();
  /// Gives the gradients' memory back: no pass can follow.
  void drop_gradients();
  /// Whole weights into the model again, unit by unit: beside the shard and the result, two units are in memory. May be
  /// called again with other options. Collective.
  void restore(const ResultOptions& result = {});

  /// The same into other weights, while the training goes on; nothing may be gathered, as between steps. Collective.
  Weights give(const ResultOptions& result);

  at::Tensor run(std::int64_t part, std::int64_t last, const at::Tensor& input, const Compute& compute) override;

 private:
  struct Unit;
  void allocate(std::int64_t total);
  void add_trained(Unit& unit, const FlatLayout& layout);
  void add_frozen(Unit& unit, const FlatLayout& layout);
  Unit& unit_of(std::int64_t part);
  void hold(Unit& unit);
  void fetch_ahead(std::int64_t part);
  void release(Unit& unit);
  void reduce(Unit& unit);
  void prepare(Unit& unit);
  bool is_plain() const;
  bool wants_deterministic(std::int64_t part) const;
  std::string smallest_of_all(std::int64_t mine, const std::map<std::int64_t, std::string>& names);
  at::Tensor backward(PartPass& pass, const at::Tensor& output_gradient);

  Transformer& model_;
  Collectives& group_;
  ShardOptions options_;
  std::int64_t layers_;
  at::Tensor values_, working_, gradients_;
  std::vector<std::unique_ptr<Unit>> units_;
  std::vector<ShardPiece> pieces_;
  Unit* reducing_ = nullptr;  // the unit whose gradient is on its way
  bool pass_counts_ = true;
  bool is_direct_ = true;  // frozen pieces are kept in the dtype of the computation
};

}  // namespace unpact
