#pragma once
/// The forward pass of encoder-decoder models (T5: Raffel et al., arXiv 1910.10683), whose weights a Transformer holds: an
/// encoder reads a prompt, all of whose tokens see each other, and a decoder writes the answer, token by token, looking at
/// the encoder's states. Scores have no scale, and a learned number of the bucket of a distance is added to them.
///
/// Whoever scores, continues or attributes asks is_encoder_decoder() and comes here in place of Transformer::hidden().
///
/// Legend of shapes: B sequences, S tokens of a prompt, T of an answer, D hidden size, H heads, d head size, K buckets.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "unpact/model/transformer.hpp"

namespace unpact {

inline bool is_encoder_decoder(const ModelConfig& config) { return config.encoder.any(); }

/// @throws UserError: what cannot be done with such a model. @param what e.g. "trained".
void refuse_encoder_decoder(const ModelConfig& config, const char* what);

/// The encoder's states of prompts of one length, (B, S) int64 -> (B, S, D). @pre no runner: all weights are in memory.
at::Tensor encode(const Transformer& model, const at::Tensor& tokens_BS);

/// Bucket of each distance key - query, (queries, keys) int64. @param first position of the first query. @param both_sides
/// whether later keys have buckets of their own (the encoder).
at::Tensor position_buckets(const EncoderShape& shape, std::int64_t first, std::int64_t queries, std::int64_t keys,
                            bool both_sides);

/// A decoder at work behind the encoder's states of B prompts of one length.
class AnswerDecoder {
 public:
  /// @param model must outlive this object.
  AnswerDecoder(const Transformer& model, const at::Tensor& memory_BSD);
  /// States of the tokens that come next, (B, T) int64 -> (B, T, D), ready for Transformer::logits(). The first ones begin with
  /// EncoderShape::start_id.
  at::Tensor next(const at::Tensor& tokens_BT);

 private:
  struct Layer {
    at::Tensor keys_BHTd, values_BHTd;                // of the decoder's tokens so far
    at::Tensor memory_keys_BHSd, memory_values_BHSd;  // of the prompts
  };
  at::Tensor block(std::size_t layer, const at::Tensor& x_BTD, const at::Tensor& bias_1HTK);

  const Transformer& model_;
  std::vector<Layer> layers_;
  std::int64_t length_ = 0;
};

/// Both in one: states from which the tokens behind start_id and `answers` are predicted. @param answers_BT padded on the
/// right, as wide as may be; (B, T) -> (B, T + 1, D).
at::Tensor answer_states(const Transformer& model, const at::Tensor& prompts_BS, const at::Tensor& answers_BT);

}  // namespace unpact
