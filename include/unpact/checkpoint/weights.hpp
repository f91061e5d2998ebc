#pragma once
/// A model's weights as plain tensors, under one set of names for all architectures: those of Llama's Hugging Face
/// checkpoints. GPT-2, whose files spell and pack them differently, gets the same names in memory (docs/models.md);
/// stored_tensors() says how a file holds them.
///
/// Legend of shapes: V vocabulary, P positions, K buckets of distances, D hidden size, F MLP width, H query heads, G key-value
/// heads, d head size, E experts, whose MLPs lie side by side in F. A weight that the config's block description does not mention
/// stays undefined.
#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "unpact/checkpoint/config.hpp"

namespace unpact {

/// The projections of a block that may have an adapter, and their names.
enum class Projected { query, key, value, output, gate, up, down };
constexpr std::array<const char*, 7> kProjectedNames = {"q_proj",    "k_proj",  "v_proj",   "o_proj",
                                                        "gate_proj", "up_proj", "down_proj"};

/// A low-rank adapter (adapters.hpp): R rank, I inputs, O outputs of the projection.
struct AdapterWeights {
  at::Tensor down_RI, up_OR;
};

struct BlockWeights {
  at::Tensor attention_norm_D, attention_norm_bias_D;
  at::Tensor query_HdD, key_GdD, value_GdD, output_DHd;
  at::Tensor query_bias_Hd, key_bias_Gd, value_bias_Gd, output_bias_D;
  at::Tensor query_norm_d, key_norm_d;
  at::Tensor mlp_norm_D, mlp_norm_bias_D;
  at::Tensor gate_FD, up_FD, down_DF;
  at::Tensor gate_bias_F, up_bias_F, down_bias_D;
  at::Tensor attention_output_norm_D, mlp_output_norm_D;  ///< of what is added, where norms stand around
  at::Tensor router_ED;
  std::array<AdapterWeights, kProjectedNames.size()> adapters;  ///< by Projected; undefined: it has none
  at::Tensor cross_norm_D;  ///< of a decoder that looks at an encoder's states, as the next ones
  at::Tensor cross_query_HdD, cross_key_HdD, cross_value_HdD, cross_output_DHd;
};

struct Weights {
  at::Tensor embedding_VD, position_embedding_PD;
  std::vector<BlockWeights> blocks;
  std::vector<BlockWeights> encoder_blocks;  ///< of an encoder-decoder model; `blocks` are the decoder's
  at::Tensor encoder_norm_D;
  at::Tensor encoder_bias_KH, decoder_bias_KH;  ///< of K buckets of relative positions
  at::Tensor final_norm_D, final_norm_bias_D;
  at::Tensor head_VD;  ///< the same tensor as embedding_VD when tied; D + 1 columns where it has a bias (head_width())
};

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

/// Every weight once, under its name, in a fixed order; a tied head is not repeated. The tensors share storage with
/// `weights`.
NamedTensors named_tensors(const Weights& weights);

/// One expected weight.
struct WeightSpec {
  std::string name;
  std::vector<std::int64_t> shape;
  at::Tensor* slot;  ///< where it lives in the Weights
};

/// What a model of this config consists of, in the order of named_tensors, and behind it the adapters that it has for now,
/// which are no part of that. `weights.blocks` is resized.
std::vector<WeightSpec> weight_specs(const ModelConfig& config, Weights& weights);

/// Random weights as transformers initializes them: normal(0, initializer_range), norms 1, biases 0, and for GPT-2
/// smaller output projections. Depends on the seed alone.
Weights random_weights(const ModelConfig& config, std::uint64_t seed);

/// An independent copy that no gradient flows through.
Weights clone_weights(const Weights& weights);

/// Every weight, by `change`, in its place; a tied head stays the embedding.
void change_weights(const ModelConfig& config, Weights& weights, const std::function<at::Tensor(const at::Tensor&)>& change);

/// One tensor of a checkpoint file, and the weights that are cut out of it.
struct StoredTensor {
  std::string name;                 ///< in the file
  std::vector<std::int64_t> shape;  ///< in the file
  bool transposed = false;          ///< stored as (inputs, outputs)
  std::vector<WeightSpec> parts;    ///< in the order in which they lie along the output dimension
  std::int64_t groups = 1;          ///< that order is gone through once for each of so many groups (heads)
  std::int64_t axis = 0, first = 0,
               count = 0;  ///< count > 0: it is these rows (axis 0) or columns (axis 1) of its only part
  bool is_slice() const { return count > 0; }
};

/// What a checkpoint file of this config consists of. `weights.blocks` is resized.
std::vector<StoredTensor> stored_tensors(const ModelConfig& config, Weights& weights);

/// One part of a stored tensor, cut out of the whole one: a view, where the layout allows. Not for slices.
at::Tensor part_of(const StoredTensor& stored, const at::Tensor& whole, std::size_t index);

/// The weights as a checkpoint file holds them, fused and transposed where its layout wants it.
NamedTensors file_tensors(const ModelConfig& config, const Weights& weights);

}  // namespace unpact
