#pragma once
/// Legend of shapes: C positions of a store, n rows, G key-value heads, d head size.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "unpact/model/transformer.hpp"

namespace unpact {

/// The rotated keys and the values of one sequence's positions 0..length-1, in every block.
class KeyValueStore {
 public:
  struct Layer {
    at::Tensor keys_CGd, values_CGd;  ///< room for all positions, of which the first length() hold numbers; undefined: none
  };

  explicit KeyValueStore(const Transformer& model);
  std::int64_t length() const { return length_; }
  /// Forgets the positions from `length` on. @pre length <= length().
  void truncate(std::int64_t length);
  /// Makes room for `capacity` positions.
  void reserve(std::int64_t capacity);
  std::int64_t bytes() const;

  const Layer& layer(std::int64_t index) const { return layers_[static_cast<std::size_t>(index)]; }
  /// Writes one block's keys and values at the positions from length() on, which count after advance().
  /// @pre reserve() made room for them.
  void write(std::int64_t layer, const at::Tensor& keys_nGd, const at::Tensor& values_nGd);
  void advance(std::int64_t count);

 private:
  std::vector<Layer> layers_;
  at::TensorOptions options_;
  std::int64_t heads_, head_dim_, length_ = 0, capacity_ = 0;
};

}  // namespace unpact
