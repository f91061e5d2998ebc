#pragma once
/// Which positions the shared-prefix engine runs for a request, and in which passes.
///
/// Legend: N prompt tokens, n removals, T_k tokens of answer k.
#include "unpact/attribution/leave_one_out.hpp"
#include "unpact/inference/packed_pass.hpp"

namespace unpact {

/// One row of the (n+1) x T matrices: what is removed, and how many of the remaining prompt tokens stand in front of
/// the part that runs. At least one prompt token runs: it predicts the answers' first tokens.
struct PlannedRow {
  TokenSpan removed;
  std::size_t prefix = 0;
  std::size_t remaining = 0;      ///< prompt tokens that are left, prefix included
  bool same_as_previous = false;  ///< an equal neighbour: the same sequence
};

/// All n + 1 rows. The unablated prompt takes as much from the prefix as the last removal, so that it is scored in the
/// same shapes.
std::vector<PlannedRow> plan_rows(const AttributionRequest& request);

/// How fine a request is cut: about `pieces` parts, but none for less than `worth_a_pass` positions.
struct Cut {
  std::size_t pieces = 1, worth_a_pass = 1;
};

/// Cuts the rows into passes of at most `budget` positions (or one row) and about equal size.
std::vector<AttributionPart> plan_parts(const AttributionRequest& request, const std::vector<PlannedRow>& rows,
                                        std::size_t budget, const Cut& cut = {});

/// Where the log-probability of an answer token comes from.
struct ScoredToken {
  std::int64_t hidden_row;  ///< of PackedPass::run's result
  TokenId target;
};

/// One pass: its rows, and for each answer the scored tokens of all planned rows that are not repeats, in order.
struct PlannedPass {
  PackedRows rows;
  std::vector<std::vector<ScoredToken>> scored;
};

/// A shorter context (BOS alone) costs less than the pass of its own that keeping it takes: it runs with each prompt.
inline constexpr std::size_t kWorthKeeping = 16;

/// Positions in the table of first projections: prompt tokens from `table_begin` on, then all answers.
std::size_t table_begin(const AttributionRequest& request);
std::vector<TokenId> table_tokens(const AttributionRequest& request);

/// @param with_table whether rows refer to the table.
PlannedPass plan_pass(const AttributionRequest& request, const std::vector<PlannedRow>& rows, const AttributionPart& part,
                      bool with_table);

}  // namespace unpact
