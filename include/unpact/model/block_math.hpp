#pragma once
/// The operations of a transformer block as its config describes it: which norm, which MLP, which angles. The padded and the
/// packed forward pass share them; the operations themselves are those of kernels/.
///
/// Legend of shapes: D hidden size, d head size.
#include <ATen/core/Tensor.h>

#include "unpact/checkpoint/config.hpp"
#include "unpact/checkpoint/weights.hpp"
#include "unpact/kernels/gated_product.hpp"
#include "unpact/kernels/norm.hpp"
#include "unpact/kernels/rotary.hpp"
#include "unpact/kernels/score_rule.hpp"

namespace unpact::block_math {

/// Embeddings of tokens, in the scale that the blocks take.
at::Tensor embedded(const ModelConfig& config, const Weights& weights, const at::Tensor& tokens);

/// What the output head takes of the last block's output: (..., head_width()).
at::Tensor final_hidden(const ModelConfig& config, const Weights& weights, const at::Tensor& x);

/// Queries in the scale in which attention divides their scores by the root of the head size.
at::Tensor scaled_queries(const ModelConfig& config, const at::Tensor& query);

/// How a block's scores are treated.
kernels::ScoreRule score_rule(const ModelConfig& config, std::int64_t layer);

/// Projected queries or keys (..., heads * d) by heads (..., heads, d), normalized where the model does. @param norm undefined:
/// it does not.
at::Tensor heads_of(const ModelConfig& config, const at::Tensor& projected, std::int64_t heads, const at::Tensor& norm);

/// Whether norms stand before attention and MLP, and whether they stand behind: what the two give is needed then.
bool normalizes_before(const ModelConfig& config);
bool normalizes_behind(const ModelConfig& config);

/// The norm that stands behind a block's attention or MLP.
struct NormBehind {
  const at::Tensor &weight_D, &bias_D;
};
NormBehind norm_behind_attention(const ModelConfig& config, const BlockWeights& block);
NormBehind norm_behind_mlp(const ModelConfig& config, const BlockWeights& block);

/// The residual stream with what attention or MLP gave, normalized where norms stand behind.
at::Tensor joined(const ModelConfig& config, const at::Tensor& residual, const at::Tensor& given, const NormBehind& norm);

/// The config's norm: RMS, or layer norm with bias.
at::Tensor normalized(const ModelConfig& config, const at::Tensor& x, const at::Tensor& weight_D, const at::Tensor& bias_D,
                      const kernels::ResultMemory& memory = {});

/// The same, and x for the residual stream beside it.
kernels::ForkedNorm forked_norm(const ModelConfig& config, const at::Tensor& x, const at::Tensor& weight_D,
                                const at::Tensor& bias_D);

kernels::Activation activation_of(const BlockDescription& block);

/// Cosines and sines of the rotary positions 0..count-1, (count, d). @param local for blocks that turn locally.
kernels::Angles rotary_table(const ModelConfig& config, std::int64_t count, const at::TensorOptions& weights, bool local);

/// What the experts' MLPs give inside, (..., F), each in the share that the router leaves to it: the softmax over its
/// likeliest experts_per_token, 0 for the others (Jiang et al., arXiv 2401.04088). @param router_logits (..., E).
at::Tensor routed(const ModelConfig& config, const at::Tensor& router_logits, const at::Tensor& inner);

/// The product of x with a projection of a block, and what the projection's adapter, if any, adds to it.
at::Tensor adapted(const ModelConfig& config, const BlockWeights& block, Projected which, const at::Tensor& x,
                   const at::Tensor& product);

/// The block's MLP, from its normalized input to what is added to the residual stream. Under GraphOnly zero, with the graph.
at::Tensor mlp(const ModelConfig& config, const BlockWeights& block, const at::Tensor& x);

}  // namespace unpact::block_math
