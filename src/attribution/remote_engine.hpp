#pragma once
/// Removals from prompts of a model that answers elsewhere.
#include <memory>
#include <vector>

#include "unpact/attribution/leave_one_out.hpp"
#include "unpact/model/remote_model.hpp"

namespace unpact {

/// Every removal is a sequence of ids of its own; equal ones of a call are asked once. @param model must outlive it; a
/// model that answers elsewhere.
std::unique_ptr<BoundEngine> open_remote_engine(const Transformer& model);

/// LP of a prompt (row 0) and of few of its removals, each asked alone and in two batches of different size and order: what
/// differs is the noise of the endpoint.
std::vector<std::vector<double>> scores_by_remote(const RemoteModel& remote, const AttributionRequest& request,
                                                  const std::vector<TokenSpan>& removals);

/// LP of sequences of one answer, nats per token. @param prompts without the answer.
std::vector<double> mean_scores_by_remote(const RemoteModel& remote, const std::vector<std::vector<TokenId>>& prompts,
                                          const std::vector<TokenId>& answer);

}  // namespace unpact
