#pragma once
/// Blocks of keys and values that sequences take and hand back, and share where they begin alike.
#include <cstdint>
#include <vector>

#include "unpact/kernels/blocked_attention.hpp"
#include "unpact/model/transformer.hpp"

namespace unpact {

using BlockTable = std::vector<std::int64_t>;  ///< blocks of a sequence's positions, in order

/// How many blocks hold so many positions.
inline std::int64_t blocks_for(std::int64_t positions) {
  return (positions + kernels::kBlockPositions - 1) / kernels::kBlockPositions;
}

class KeyValuePool {
 public:
  KeyValuePool(const Transformer& model, std::int64_t blocks);

  std::int64_t free() const { return static_cast<std::int64_t>(free_.size()); }
  /// @pre free() > 0.
  std::int64_t take();
  /// One more sequence uses these blocks.
  void share(const BlockTable& table);
  /// Takes one user from each block, which is free once it has none.
  void hand_back(const BlockTable& table);
  /// A table for a sequence that goes on after the first `length` positions of another: whole blocks are shared, a part of
  /// one is copied. @pre free() > 0.
  BlockTable fork(const BlockTable& table, std::int64_t length);

  const kernels::KeyValueBlocks& layer(std::int64_t index) const { return layers_[static_cast<std::size_t>(index)]; }

 private:
  std::vector<kernels::KeyValueBlocks> layers_;
  std::vector<std::int64_t> free_;
  std::vector<std::int32_t> users_;
};

/// The place of a position in the pool: block * kBlockPositions + position in it.
inline std::int64_t slot_of(const BlockTable& table, std::int64_t position) {
  return table[static_cast<std::size_t>(position / kernels::kBlockPositions)] * kernels::kBlockPositions +
         position % kernels::kBlockPositions;
}

}  // namespace unpact
