#pragma once
/// Where attention takes its keys and values from: the new tokens alone, a shared prefix in front of them, or a cache
/// that generation extends token by token.
///
/// Legend of shapes: B sequences, S new tokens, P prefix tokens, G key-value heads, d head size.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <vector>

#include "unpact/checkpoint/config.hpp"
#include "unpact/kernels/score_rule.hpp"

namespace unpact {

struct KeysValues {
  at::Tensor keys_BGSd, values_BGSd;
};

/// Asked once per layer of a forward pass: extend(), then mask().
class AttentionContext {
 public:
  virtual ~AttentionContext() = default;
  /// All keys and values that the new tokens may look at, given those of the new tokens (already rotated).
  virtual KeysValues extend(std::int64_t layer, at::Tensor keys_BGSd, at::Tensor values_BGSd) = 0;
  /// Boolean mask broadcastable to (B, 1, S, all keys), true = may look; undefined: causal among the new tokens.
  /// @param window positions that a token looks back over, itself included (0: all): the token at position q sees
  /// those at q - window < k <= q, as in transformers (masking_utils.py, sliding_window_causal_mask_function).
  virtual at::Tensor mask(std::int64_t window = 0) const = 0;
  /// softmax(q k^T / sqrt(d)) v under mask(rule.window), its scores capped, (B, H, S, d), given all keys and values, which
  /// query heads share. Contexts whose mask falls apart into pieces compute piece by piece.
  virtual at::Tensor attend(const at::Tensor& query_BHSd, const at::Tensor& keys_BGKd, const at::Tensor& values_BGKd,
                            const kernels::ScoreRule& rule) const;
  /// Pairs of a query and a key that attend() works on, for what is asked of it: what an operation count needs.
  virtual double pairs(std::int64_t sequences, std::int64_t queries, std::int64_t keys, std::int64_t window) const;
  /// Whether attention is to be computed with explicit weights (slower, and B x H x S x all keys of memory), which
  /// receive_weights() then gets once a layer: (B, H, S, all keys) float32, a row sums to 1.
  virtual bool wants_weights() const { return false; }
  virtual void receive_weights(std::int64_t /*layer*/, const at::Tensor& /*weights_BHSK*/) {}
};

/// Each token sees itself and the new tokens before it. Sequences shorter than the batch are padded on the right:
/// their own tokens never see the padding.
class CausalContext : public AttentionContext {
 public:
  KeysValues extend(std::int64_t layer, at::Tensor keys_BGSd, at::Tensor values_BGSd) override;
  at::Tensor mask(std::int64_t window = 0) const override;
  double pairs(std::int64_t sequences, std::int64_t queries, std::int64_t keys, std::int64_t window) const override;

 private:
  at::TensorOptions options_;
  std::int64_t tokens_ = 0;
  mutable std::map<std::int64_t, at::Tensor> masks_;  // by window: layers share them
};

/// Causal, and keeps the keys and values of every layer.
class RecordingContext : public CausalContext {
 public:
  KeysValues extend(std::int64_t layer, at::Tensor keys_BGSd, at::Tensor values_BGSd) override;
  const std::vector<KeysValues>& layers() const { return layers_; }

 private:
  std::vector<KeysValues> layers_;
};

/// The first `length` positions of a recorded sequence (batch of one) stand in front of every new sequence.
class PrefixContext : public AttentionContext {
 public:
  /// @param recorded must outlive this object.
  PrefixContext(const std::vector<KeysValues>& recorded, std::int64_t length, std::int64_t new_tokens);
  KeysValues extend(std::int64_t layer, at::Tensor keys_BGSd, at::Tensor values_BGSd) override;
  at::Tensor mask(std::int64_t window = 0) const override;

 private:
  const std::vector<KeysValues>& recorded_;
  std::int64_t length_;
  at::Tensor mask_;  // (S, P + S)
  mutable std::map<std::int64_t, at::Tensor> masks_;
};

/// A cache with room for `capacity` positions a sequence, whose sequences grow independently, one token a pass.
class GenerationCache : public AttentionContext {
 public:
  /// Takes over the keys and values of right-padded prompts. @param lengths_B tokens of each prompt (int64, on device).
  GenerationCache(const std::vector<KeysValues>& prompts, at::Tensor lengths_B, std::int64_t capacity);
  /// Writes the single new token of each sequence (S = 1) at its position.
  KeysValues extend(std::int64_t layer, at::Tensor keys_B1, at::Tensor values_B1) override;
  at::Tensor mask(std::int64_t window = 0) const override;
  /// Positions of the tokens that the next pass brings, (B, 1).
  at::Tensor next_positions() const;
  /// Call after each pass.
  void advance();

 private:
  std::vector<KeysValues> layers_;
  at::Tensor lengths_B_, rows_B_;
  std::int64_t capacity_;
  mutable std::map<std::int64_t, at::Tensor> masks_;
};

}  // namespace unpact
