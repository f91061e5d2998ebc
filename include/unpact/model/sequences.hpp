#pragma once
/// Token sequences of unequal length as right-padded batches, and the rows of them that matter.
///
/// Legend of shapes: B sequences, S longest length, R selected rows.
#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "unpact/text/tokenizer.hpp"

namespace unpact {

/// Right-padded with id 0: (B, S) int64. Causal attention keeps the padding out of the sequences' own results.
at::Tensor pad_right(std::span<const std::vector<TokenId>> sequences, const c10::Device& device);

/// An int64 tensor from a vector.
at::Tensor to_tensor(const std::vector<std::int64_t>& values, const c10::Device& device);

/// Cuts `order` (item indices) into runs whose padded size, items x longest, stays within `token_budget`; a run holds
/// at least one item.
std::vector<std::vector<std::size_t>> pack_by_length(std::size_t count,
                                                     const std::function<std::size_t(std::size_t)>& length,
                                                     std::size_t token_budget);

}  // namespace unpact
