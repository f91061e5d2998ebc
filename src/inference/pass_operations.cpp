#include "unpact/inference/packed_pass.hpp"
#include "unpact/model/operation_count.hpp"

namespace unpact {
namespace {

/// Pairs of attention in one block: of all rows, or of the scored ones alone.
double pairs_of(const std::vector<PackedSegment>& segments, std::int64_t window, bool all) {
  double pairs = 0;
  for (const auto& segment : segments) {
    const auto count = all ? segment.rows : segment.scored;
    pairs += causal_pairs(count, window, segment.position(segment.rows - count));
  }
  return pairs;
}

}  // namespace

double pass_operations(const ModelConfig& config, const std::vector<PackedSegment>& segments, bool from_table) {
  double rows = 0, scored = 0;
  for (const auto& segment : segments) {
    rows += static_cast<double>(segment.rows);
    scored += static_cast<double>(segment.scored);
  }
  const double query = query_matrix_size(config), key_value = key_value_matrix_size(config), all = block_matrix_size(config);
  double operations = 0;
  for (std::int64_t layer = 0; layer < config.layers; ++layer) {
    const bool last = layer + 1 == config.layers, given = layer == 0 && from_table;
    const double asking = last ? scored : rows;
    operations += 2 * (given ? 0 : key_value * rows + query * asking) + 2 * (all - key_value - query) * asking +
                  attention_operations(config, pairs_of(segments, config.window_of(layer), !last));
  }
  return operations;
}

double table_operations(const ModelConfig& config, std::size_t tokens) {
  return 2 * (query_matrix_size(config) + key_value_matrix_size(config)) * static_cast<double>(tokens);
}

}  // namespace unpact
