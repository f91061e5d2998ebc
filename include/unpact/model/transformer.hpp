#pragma once
/// A decoder of blocks, grouped-query attention and an MLP after or beside it, each added to the residual stream.
/// Norms, biases, positions, MLP and attention windows follow the config's description (architecture.hpp); the numbers
/// are those of transformers' class of the same model_type.
///
/// Legend of shapes: B sequences, S tokens, D hidden size, V vocabulary, H query heads, G key-value heads, d head size.
#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "unpact/model/attention_context.hpp"
#include "unpact/checkpoint/config.hpp"
#include "unpact/model/sequence_layout.hpp"
#include "unpact/checkpoint/weights.hpp"

namespace unpact {

/// Stands between a Transformer and its forward pass while its weights are not all in memory (sharded_replica.hpp,
/// train/sharded_model.hpp).
/// Parts in the order in which they run: 0 the embedding, 1 + l block l, layers + 1 the final norm with the head.
class PartRunner {
 public:
  using Compute = std::function<at::Tensor(const at::Tensor& input)>;
  virtual ~PartRunner() = default;
  /// compute(input) with the part's weights at hand; it may be called again in the backward pass.
  /// @param last the part that ends this forward pass. The head's weights stay until that part's backward pass.
  virtual at::Tensor run(std::int64_t part, std::int64_t last, const at::Tensor& input, const Compute& compute) = 0;
};

namespace kernels {
struct Angles;
}  // namespace kernels

class Transformer {
 public:
  Transformer(ModelConfig config, Weights weights);

  /// Forward passes run part by part through `runner` from now on; null: as usual. Not owned. With gradients only passes
  /// over fresh sequences.
  void set_runner(PartRunner* runner) { runner_ = runner; }
  /// The same by a runner that this model and all its copies keep.
  void keep_runner(std::shared_ptr<PartRunner> runner) {
    kept_runner_ = std::move(runner);
    runner_ = kept_runner_.get();
  }
  const PartRunner* runner() const { return runner_; }

  /// compute(input) with the weights of a part at hand: the one way to them for passes of one's own. Every pass begins with
  /// part 0, and its parts follow each other. @param last the part that ends this pass (PartRunner).
  at::Tensor run_part(std::int64_t part, std::int64_t last, const at::Tensor& input,
                      const PartRunner::Compute& compute) const {
    return runner_ == nullptr ? compute(input) : runner_->run(part, last, input, compute);
  }

  const ModelConfig& config() const { return config_; }
  const Weights& weights() const { return weights_; }
  Weights& weights() { return weights_; }
  c10::Device device() const;

  /// Gives the projections that `shape` names low-rank adapters, which change nothing yet (start_adapters); a shape without any
  /// takes them away. Only trainings have them: cached and packed passes know none.
  void set_adapters(const AdapterShape& shape, std::uint64_t seed = 0);

  /// Makes two models answer as one: hidden() gives the states of both side by side, (B, S, 2 D), and logits() combines
  /// them to z - scale * relu(z_reinforced - z): what a model that was trained further on a text says more readily is said
  /// less (Eldan & Russinovich, arXiv 2310.02238, as muse_bench computes it). Scoring, generation and removal of
  /// tokens work as with one model; hidden_of(), block_output(), continue_blocks(), hidden_behind(), packed passes and training do not.
  void contrast_with(std::shared_ptr<const Transformer> reinforced, double scale);
  const Transformer* reinforced() const { return reinforced_.get(); }
  double contrast_scale() const { return contrast_scale_; }

  /// Final hidden states, normalized, ready for logits(): (B, S, ModelConfig::head_width()).
  /// @param tokens_BS int64; @param positions int64, (S) or (B, S); @param context decides what is attended to.
  at::Tensor hidden(const at::Tensor& tokens_BS, const at::Tensor& positions, AttentionContext& context) const;

  /// The same for fresh sequences, causal, each with positions from 0.
  at::Tensor hidden(const at::Tensor& tokens_BS, const SequenceLayout& layout = {}) const;

  /// Embeddings of tokens in the blocks' scale, without positions: (B, S) -> (B, S, D).
  at::Tensor embed(const at::Tensor& tokens_BS) const;

  /// hidden() of embeddings that stand in for those of tokens; gradients flow through. Not part by part.
  at::Tensor hidden_of(const at::Tensor& embeddings_BSD, const at::Tensor& positions, AttentionContext& context) const;

  /// The residual stream behind block `layer` (0-based) of fresh sequences: what representation methods steer. Later blocks
  /// do not run.
  at::Tensor block_output(const at::Tensor& tokens_BS, std::int64_t layer, const SequenceLayout& layout = {}) const;

  /// The residual stream behind block `layer`, given the one in front of block `first` (fresh sequences, causal):
  /// continue_blocks(block_output(tokens, 4), 5, 7) is block_output(tokens, 7).
  at::Tensor continue_blocks(const at::Tensor& x_BSD, std::int64_t first, std::int64_t layer,
                             const SequenceLayout& layout = {}) const;

  /// What hidden() would be if the blocks ended behind each of `layers` (0-based, ascending), of fresh sequences, in one pass:
  /// (layers, B, S, ModelConfig::head_width()). Its logits are the logit lens (nostalgebraist 2020).
  at::Tensor hidden_behind(const at::Tensor& tokens_BS, const std::vector<std::int64_t>& layers,
                           const SequenceLayout& layout = {}) const;

  /// Logits of hidden rows (..., D) -> (..., V), in float32. A runner keeps the head at hand after hidden().
  at::Tensor logits(const at::Tensor& hidden) const;

  /// The same with this output head, uncapped: losses that differentiate by it piece by piece hold it themselves.
  static at::Tensor logits_with(const at::Tensor& hidden, const at::Tensor& head_VD);

 private:
  kernels::Angles rotation(const at::Tensor& positions, bool local) const;
  std::array<kernels::Angles, 2> rotations(const at::Tensor& positions) const;
  at::Tensor normalized(const at::Tensor& x, const at::Tensor& weight_D, const at::Tensor& bias_D) const;
  at::Tensor positioned(const at::Tensor& embeddings_BSD, const at::Tensor& positions) const;
  at::Tensor attention(const BlockWeights& block, std::int64_t layer, const at::Tensor& x_BSD,
                       const kernels::Angles& rotation, AttentionContext& context) const;
  at::Tensor block_forward(std::int64_t layer, const at::Tensor& x_BSD, const kernels::Angles& rotation,
                           AttentionContext& context) const;
  at::Tensor one_hidden(const at::Tensor& tokens_BS, const at::Tensor& positions,
                        const std::shared_ptr<AttentionContext>& context) const;
  at::Tensor run_blocks(at::Tensor x_BSD, const at::Tensor& positions, std::int64_t first, std::int64_t end,
                        AttentionContext& context) const;
  at::Tensor run_parts(const at::Tensor& tokens_BS, const at::Tensor& positions,
                       const std::shared_ptr<AttentionContext>& context, std::int64_t blocks, std::int64_t last) const;
  at::Tensor run_block_parts(at::Tensor x_BSD, const at::Tensor& positions, const std::shared_ptr<AttentionContext>& context,
                             std::int64_t first, std::int64_t end, std::int64_t last) const;

  ModelConfig config_;
  Weights weights_;
  PartRunner* runner_ = nullptr;
  std::shared_ptr<PartRunner> kept_runner_;
  std::shared_ptr<const Transformer> reinforced_;
  double contrast_scale_ = 0;
};

}  // namespace unpact
