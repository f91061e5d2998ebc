#pragma once
/// Weights of one part of a model as one flat vector, cut evenly over ranks, and storages whose memory comes and goes.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "unpact/checkpoint/weights.hpp"

namespace unpact {

struct WeightSlice {
  std::string name;
  std::vector<std::int64_t> shape;
  std::int64_t begin, size;  ///< within the flat vector
  at::Tensor* slot;
};

struct FlatLayout {
  std::vector<WeightSlice> slices;
  std::int64_t size = 0;   ///< without the padding behind
  std::int64_t shard = 0;  ///< elements a rank, padding included
};

/// @param alignment every slice begins at a multiple of so many elements.
FlatLayout lay_out(const std::vector<WeightSpec>& specs, int ranks, std::int64_t alignment = 1);

/// Elements [begin, begin + count) of the slots' tensors laid end to end, zeros where there are none.
void copy_range(const FlatLayout& layout, std::int64_t begin, const at::Tensor& out);

/// The tensor, and all views of it, keep shape and options but lose their memory.
void drop_memory(const at::Tensor& tensor);

/// `to`, and all views of it, get the memory of `from`, which must not be used again.
void hand_over_memory(const at::Tensor& to, const at::Tensor& from);

}  // namespace unpact
