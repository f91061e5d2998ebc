#pragma once
/// The optimizer in host memory (ZeRO-Offload, Ren et al., arXiv 2101.06840): master weights and moments stay there,
/// gradients come from the device and updated weights go back, piece by piece; private to this layer.
#include <ATen/core/Tensor.h>

#include <cstdint>

#include "unpact/train/optimizer.hpp"

namespace unpact {

/// Vectors of one length, this rank's.
struct OffloadedVectors {
  at::Tensor values;     ///< host memory: what is trained
  at::Tensor gradients;  ///< the model's device, float32
  at::Tensor working;    ///< the model's device, dtype of the computation: gets the updated values
};

/// Elements that are on their way at once: 64 MiB of gradients.
inline constexpr std::int64_t kOffloadElements = std::int64_t{1} << 24;

/// One step of `optimizer`, whose moments lie in host memory. It gives the bits of optimizer.step() there.
/// @param elements of a piece, a multiple of AdamW::kPieceMultiple.
void step_in_host_memory(AdamW& optimizer, const OffloadedVectors& vectors, double learning_rate,
                         std::int64_t elements = kOffloadElements);

}  // namespace unpact
