#pragma once
/// How fresh sequences lie in a batch of tokens: one a row, padded on the right; or packed: one behind the other in a single
/// row without padding, each with positions of its own and blind to the others.
///
/// Legend of shapes: B rows, S columns.
#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "unpact/model/attention_context.hpp"

namespace unpact {

class SequenceLayout {
 public:
  /// One sequence a row.
  SequenceLayout() = default;
  /// @param lengths of the sequences in one row, in their order; all positive. Attention runs for each sequence alone (equal
  /// neighbours together), so no mask of the row's square is needed.
  static SequenceLayout packed(std::vector<std::int64_t> lengths);

  bool is_packed() const { return !lengths_.empty(); }
  /// Where each column stands within its sequence: (S) int64.
  at::Tensor positions(std::int64_t columns, const c10::Device& device) const;
  /// What attention may look at, for one forward pass.
  std::shared_ptr<AttentionContext> context() const;

 private:
  std::vector<std::int64_t> lengths_;  ///< empty: one sequence a row
};

}  // namespace unpact
