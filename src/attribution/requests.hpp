#pragma once
/// What every engine needs to know about a request.
#include "unpact/attribution/leave_one_out.hpp"
#include "unpact/checkpoint/config.hpp"

namespace unpact {

/// @throws UserError for a request without meaning; ContractViolation for spans outside the prompt or out of order.
void check_request(const ModelConfig& config, const AttributionRequest& request);

/// Prompt without the span.
std::vector<TokenId> prompt_without(const AttributionRequest& request, const TokenSpan& removed);

/// Prompt without the span of matrix row `row` (0: the whole prompt).
TokenSpan span_of_row(const AttributionRequest& request, std::size_t row);

/// Results that hold rows first..last-1 of no log-probabilities yet.
std::vector<RemovalScores> empty_results(const AttributionRequest& request, const AttributionPart& part);

/// @throws RuntimeFailure naming answer token, removal and the block where numbers stop being finite, which a second
/// pass over that sequence finds.
void check_finite(const Transformer& model, const AttributionRequest& request, const AttributionPart& part,
                  const std::vector<RemovalScores>& results);

}  // namespace unpact
