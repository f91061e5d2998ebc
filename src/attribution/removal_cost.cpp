#include "removal_plan.hpp"
#include "requests.hpp"
#include "unpact/inference/packed_pass.hpp"
#include "unpact/model/operation_count.hpp"

namespace unpact {
namespace {

std::int64_t signed_size(std::size_t size) { return static_cast<std::int64_t>(size); }

/// The whole request as one part, which is how many positions run however it is cut.
PlannedPass whole_pass(const AttributionRequest& request, bool from_table) {
  const auto rows = plan_rows(request);
  return plan_pass(request, rows, {0, rows.size(), 0}, from_table);
}

std::int64_t scored_rows(const std::vector<PackedSegment>& segments) {
  std::int64_t scored = 0;
  for (const auto& segment : segments) scored += segment.scored;
  return scored;
}

}  // namespace

std::size_t shared_context(const AttributionRequest& request) {
  const auto given = request.removals.front().begin;
  return given < kWorthKeeping ? 0 : given;
}

RemovalCost cost_of_removals(const ModelConfig& config, const AttributionRequest& request, bool context_is_there) {
  const bool from_table = config.block.positions == PositionKind::rotary;
  const auto context = shared_context(request);
  const auto rows = plan_rows(request);
  const auto prefix = std::max(request.removals.front().begin, rows.front().prefix);
  const auto planned = whole_pass(request, from_table);
  RemovalCost cost;
  if (!context_is_there && context > 0) {
    cost.work.positions += context;
    cost.operations += pass_operations(config, {{0, signed_size(context), 0}}, false);
  }
  if (prefix > context) {
    cost.work.positions += prefix - context;
    cost.operations += pass_operations(config, {{0, signed_size(prefix - context), signed_size(context)}}, from_table);
  }
  cost.work.positions += planned.rows.tokens.size();
  cost.work.model_calls = 1;
  cost.work.logit_rows = static_cast<std::uint64_t>(scored_rows(planned.rows.segments));
  for (std::size_t a = 0; a < request.answers.size(); ++a) cost.work.positions_naive += naive_positions(request, a);
  if (from_table) cost.operations += table_operations(config, table_tokens(request).size());
  cost.operations += pass_operations(config, planned.rows.segments, from_table) +
                     2 * head_size(config) * static_cast<double>(cost.work.logit_rows);
  return cost;
}

RemovalCost cost_by_definition(const ModelConfig& config, const AttributionRequest& request) {
  RemovalCost cost;
  for (const auto& answer : request.answers) {
    for (std::size_t row = 0; row <= request.removals.size(); ++row) {
      const auto removed = row == 0 ? 0 : request.removals[row - 1].size();
      const auto tokens = request.prompt.size() - removed + answer.size() - 1;
      cost.work += {tokens, tokens, 1, answer.size()};
      cost.operations += forward_operations(config, signed_size(tokens), 0, config.layers) +
                         2 * head_size(config) * static_cast<double>(answer.size());
    }
  }
  return cost;
}

}  // namespace unpact
