#pragma once
#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <vector>

#include "unpact/core/error.hpp"
#include "unpact/inference/packed_pass.hpp"
#include "unpact/kernels/packed_attention.hpp"
#include "unpact/model/sequences.hpp"

namespace unpact {

/// The rows of a pass as tensors, and who attends to whom.
struct PackedInputs {
  PackedInputs(const PackedRows& rows, const c10::Device& device)
      : tokens_R(to_tensor(rows.tokens, device)), all(kernels::plan_attention(rows.segments, true)),
        scored(kernels::plan_attention(rows.segments, false)) {
    std::vector<std::int64_t> positions, scored_index;
    for (const auto& segment : rows.segments) {
      UNPACT_EXPECT(segment.begin == static_cast<std::int64_t>(positions.size()) && segment.rows > 0 &&
                    segment.scored <= segment.rows);
      for (std::int64_t row = 0; row < segment.rows; ++row) {
        if (row >= segment.rows - segment.scored) scored_index.push_back(segment.begin + row);
        positions.push_back(segment.position(row));
      }
    }
    UNPACT_EXPECT(positions.size() == rows.tokens.size());
    positions_R = to_tensor(positions, device);
    scored_U = to_tensor(scored_index, device);
    if (!rows.first_index.empty()) first_R = to_tensor(rows.first_index, device);
  }
  at::Tensor tokens_R, positions_R, scored_U, first_R;
  kernels::AttentionPlan all, scored;
};

}  // namespace unpact
