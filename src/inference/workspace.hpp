#pragma once
/// Memory that a forward pass uses again and again: fresh pages from the operating system for every intermediate result
/// cost more than some of the arithmetic.
#include <ATen/ATen.h>

#include <array>

#include "unpact/kernels/result_memory.hpp"

namespace unpact {

/// One intermediate result a slot. What take() returns is valid until the slot is taken again.
class Workspace {
 public:
  enum Slot { normed, query, key, value, mixed, gate, up, logits, slots };

  at::Tensor take(Slot slot, at::IntArrayRef shape, const at::TensorOptions& options) {
    const auto count = c10::multiply_integers(shape);
    auto& buffer = buffers_[slot];
    if (!buffer.defined() || buffer.numel() < count || buffer.scalar_type() != c10::typeMetaToScalarType(options.dtype()))
      buffer = at::empty({count}, options.requires_grad(false));
    return buffer.narrow(0, 0, count).view(shape);
  }

  /// take(slot) for operations. The workspace must outlive it.
  kernels::ResultMemory slot(Slot slot) {
    return [this, slot](at::IntArrayRef shape, const at::TensorOptions& options) { return take(slot, shape, options); };
  }

 private:
  std::array<at::Tensor, slots> buffers_;
};

}  // namespace unpact
