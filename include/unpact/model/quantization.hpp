#pragma once
/// Weights as they come back from few bits: quantized and at once dequantized, so that no kernel of few bits is needed. An
/// unlearning that moves weights by less than half a step of the quantization is undone by it (Zhang et al., arXiv
/// 2410.16454).
///
/// Legend of shapes: O outputs, I inputs of a matrix.
#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <string>

#include "unpact/comm/communicator.hpp"
#include "unpact/core/enumeration.hpp"
#include "unpact/model/transformer.hpp"

namespace unpact {

enum class Quantization : std::uint8_t {
  /// bitsandbytes' 4 bits (Dettmers et al., arXiv 2305.14314): blocks of 64 numbers, scale max |w|, the nearest of 16
  /// levels
  nf4,
  int4,       ///< groups of 128 inputs of a row, round(w / s), s = max |w| / 7
  int8_rows,  ///< rows, s = max |w| / 127 (LLM.int8's weights, Dettmers et al., arXiv 2208.07339)
};
UNPACT_ENUMERATION(Quantization, "nf4", "int4", "int8_rows");
inline constexpr std::array kQuantizations = {Quantization::nf4, Quantization::int4, Quantization::int8_rows};

/// What a model that answers is rounded to.
enum class AnsweringBits : std::uint8_t { all, nf4, int4, int8_rows };
UNPACT_ENUMERATION(AnsweringBits, "all", "nf4", "int4", "int8_rows");

/// NF4's levels, as bitsandbytes has them.
inline constexpr std::array<float, 16> kNf4Levels = {-1.0F,
                                                     -0.6961928009986877F,
                                                     -0.5250730514526367F,
                                                     -0.39491748809814453F,
                                                     -0.28444138169288635F,
                                                     -0.18477343022823334F,
                                                     -0.09105003625154495F,
                                                     0.0F,
                                                     0.07958029955625534F,
                                                     0.16093020141124725F,
                                                     0.24611230194568634F,
                                                     0.33791524171829224F,
                                                     0.44070982933044434F,
                                                     0.5626170039176941F,
                                                     0.7229568362236023F,
                                                     1.0F};

/// A matrix (O, I) in few bits.
struct QuantizedMatrix {
  at::Tensor codes_OI;   ///< int8: the index of a level (nf4), or the rounded quotient
  at::Tensor values_OI;  ///< what they stand for, in float32, or float64 where the weights are
};

/// A last block or group may be shorter. A block of zeros stays one.
QuantizedMatrix quantize(const at::Tensor& weight_OI, Quantization kind);

/// Whether a weight is quantized: the matrices of the blocks are; embedding, output head, norms and biases are not.
bool is_quantized(const std::string& name, const at::Tensor& weight);

/// The model with quantized and dequantized weights, both where two answer; all other weights are shared. Collective over
/// `group` for a model on its shards.
Transformer quantized(const Communicator& group, const Transformer& model, Quantization kind);

/// quantized(), but for `all` the model as it is.
Transformer rounded_to(const Communicator& group, Transformer model, AnsweringBits bits);

/// How many of the quantized weights have the code of their namesake in another model.
struct EqualCodes {
  std::uint64_t equal = 0, all = 0;
};

/// Of each of kQuantizations. Every rank compares its part of the units. Collective over `group`; the same on every rank.
/// @param whole a model of the same config whose weights every rank can read, as views of mapped files, say.
std::array<EqualCodes, kQuantizations.size()> equal_codes(const Communicator& group, const Transformer& model,
                                                          const Transformer& whole);

}  // namespace unpact
