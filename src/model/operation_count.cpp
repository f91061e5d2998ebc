#include "unpact/model/operation_count.hpp"

#include <c10/core/GradMode.h>

#include <algorithm>

#include "unpact/core/operation_tally.hpp"

namespace unpact {
namespace {

double real(std::int64_t value) { return static_cast<double>(value); }

/// Of causal attention without a window, over the first `positions`.
double triangle(double positions) { return positions * (positions + 1) / 2; }

bool graph_is_kept() { return c10::GradMode::is_enabled() && !DroppedGraph::active(); }

/// Numbers in the block's matrices that train.
double trained_size(const BlockWeights& block) {
  double size = 0;
  for (const auto* matrix : {&block.query_HdD, &block.key_GdD, &block.value_GdD, &block.output_DHd, &block.gate_FD,
                             &block.up_FD, &block.down_DF, &block.router_ED})
    if (matrix->defined() && matrix->requires_grad()) size += real(matrix->numel());
  return size;
}

}  // namespace

double query_matrix_size(const ModelConfig& c) { return real(c.hidden_size * c.heads * c.head_dim); }

double key_value_matrix_size(const ModelConfig& c) { return 2 * real(c.hidden_size * c.key_value_heads * c.head_dim); }

double block_matrix_size(const ModelConfig& c) {
  const double mlp = c.block.mlp == MlpKind::gated ? 3 : 2;
  return 2 * query_matrix_size(c) + key_value_matrix_size(c) + mlp * real(c.hidden_size * c.intermediate_size) +
         real(c.hidden_size * c.block.experts);
}

double head_size(const ModelConfig& c) { return real(c.vocabulary_size * c.head_width()); }

double attention_operations(const ModelConfig& c, double pairs) { return 4 * real(c.heads * c.head_dim) * pairs; }

double causal_pairs(std::int64_t tokens, std::int64_t window, std::int64_t before) {
  const auto up_to = [&](std::int64_t positions) {
    if (window == 0 || positions <= window) return triangle(real(positions));
    return triangle(real(window)) + real(window) * real(positions - window);
  };
  return up_to(before + tokens) - up_to(before);
}

double forward_operations(const ModelConfig& c, std::int64_t tokens, std::int64_t first, std::int64_t end,
                          double sequences) {
  double sum = 0;
  for (auto layer = first; layer < end; ++layer)
    sum += 2 * block_matrix_size(c) * real(tokens) + attention_operations(c, causal_pairs(tokens, c.window_of(layer)));
  return sequences * sum;
}

double training_factor(bool recompute) { return recompute ? 4 : 3; }

void count_block(const ModelConfig& c, const BlockWeights& block, const at::Tensor& x_BSD, double pairs) {
  const double rows = real(x_BSD.numel() / x_BSD.size(-1));
  const bool kept = graph_is_kept(), to_input = kept && x_BSD.requires_grad();
  const double forward = 2 * block_matrix_size(c) * rows, attention = attention_operations(c, pairs);
  count_operations(forward + attention + (to_input ? forward + 2 * attention : 0) +
                   (kept ? 2 * trained_size(block) * rows : 0));
}

void count_head_gradients(std::int64_t rows, const at::Tensor& head_VD, bool to_hidden, bool to_head) {
  count_operations(2 * real(head_VD.numel()) * real(rows) * ((to_hidden ? 1 : 0) + (to_head ? 1 : 0)));
}

void count_head(const at::Tensor& hidden, const at::Tensor& head_VD) {
  const auto rows = hidden.numel() / hidden.size(-1);
  const bool kept = graph_is_kept();
  count_operations(2 * real(head_VD.numel()) * real(rows));
  count_head_gradients(rows, head_VD, kept && hidden.requires_grad(), kept && head_VD.requires_grad());
}

}  // namespace unpact
