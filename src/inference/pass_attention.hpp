#pragma once
/// Where the rows of a packed pass leave their keys and values, and find those that they look at.
///
/// Legend of shapes: R rows of a pass, Q queries, H query heads, G key-value heads, d head size.
#include "key_value_pool.hpp"
#include "packed_inputs.hpp"
#include "unpact/inference/packed_pass.hpp"
#include "unpact/kernels/result_memory.hpp"
#include "unpact/kernels/score_rule.hpp"

namespace unpact {

struct FreshRows {
  at::Tensor keys_RGd, values_RGd;
};

struct PassQueries {
  std::int64_t layer;
  const at::Tensor& query_QHd;
  bool of_all;  ///< rows, else of the scored ones alone
  kernels::ScoreRule rule;
};

class PassAttention {
 public:
  virtual ~PassAttention() = default;
  /// Is given what a block makes of its rows before mix() asks for it.
  virtual void keep(std::int64_t layer, const FreshRows& fresh) = 0;
  virtual at::Tensor mix(const PassQueries& asked, const FreshRows& fresh, const kernels::ResultMemory& memory) const = 0;
};

/// Sequences that begin in one store: the pass' own rows stand after it, and the first `kept` of them are written to it.
class StoreAttention : public PassAttention {
 public:
  /// @param written the store, where rows are to be kept.
  StoreAttention(const PackedInputs& in, const KeyValueStore& store, KeyValueStore* written, std::int64_t kept,
                 PackedAttention form);
  void keep(std::int64_t layer, const FreshRows& fresh) override;
  at::Tensor mix(const PassQueries& asked, const FreshRows& fresh, const kernels::ResultMemory& memory) const override;

 private:
  const PackedInputs& in_;
  const KeyValueStore& store_;
  KeyValueStore* written_;
  std::int64_t kept_;
  PackedAttention form_;
};

/// Each segment is a sequence of its own, whose positions lie in blocks of a pool.
class PoolAttention : public PassAttention {
 public:
  PoolAttention(const std::vector<PackedSegment>& segments, const KeyValuePool& pool, const std::vector<BlockTable>& tables,
                PackedAttention form);
  void keep(std::int64_t layer, const FreshRows& fresh) override;
  at::Tensor mix(const PassQueries& asked, const FreshRows& fresh, const kernels::ResultMemory& memory) const override;

 private:
  const KeyValuePool& pool_;
  PackedAttention form_;
  std::vector<std::int64_t> slots_;  // of the rows
  kernels::BlockedPlan all_, scored_;
};

}  // namespace unpact
