#pragma once
/// A packed pass over sequences in a pool, put together segment by segment.
#include <ATen/core/Tensor.h>

#include <span>

#include "key_value_pool.hpp"
#include "unpact/inference/packed_pass.hpp"

namespace unpact {

class PoolPass {
 public:
  explicit PoolPass(const Transformer& model) : model_(model), pass_(model) {}

  /// Rows of one pass: as many as a CPU's cache likes and the MLP takes at once, more on CUDA.
  static std::int64_t most_rows(const Transformer& model) { return model.device().is_cpu() ? 1000 : 8192; }
  std::int64_t rows() const { return static_cast<std::int64_t>(rows_.tokens.size()); }
  std::int64_t room() const { return most_rows(model_) - rows(); }

  /// Tokens that stand in their sequence from `position` on, whose table reaches to their end. @param scored of the last
  /// ones.
  void add(std::span<const TokenId> tokens, std::int64_t position, const BlockTable& table, std::int64_t scored);

  /// Runs what was added, and begins anew. On the CPU a pass has at least kFewestRows. @param spare a block that nobody
  /// reads. @return hidden states of the scored rows, or undefined.
  at::Tensor run(const KeyValuePool& pool, std::int64_t spare);

 private:
  const Transformer& model_;
  PackedPass pass_;
  PackedRows rows_;
  std::vector<BlockTable> tables_;
  std::int64_t scored_ = 0;
};

}  // namespace unpact
