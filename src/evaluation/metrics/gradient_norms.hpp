#pragma once
/// Gradients of texts' losses by a model's weights.
#include <vector>

#include "unpact/comm/communicator.hpp"
#include "unpact/evaluation/finished_pages.hpp"
#include "unpact/evaluation/measure_metrics.hpp"
#include "unpact/model/language_model.hpp"

namespace unpact {

/// gradient_norm_score() of every sequence: the mean over the weights' tensors of the 2-norm of the gradient of the mean NLL
/// of the answer's tokens. One sequence after the other, dealt over the ranks. Collective over `group`. None, with a
/// warning, for a model that lies on shards or answers by two. @throws RuntimeFailure where a norm is not finite, naming the
/// item.
std::vector<double> gradient_norms(const Communicator& group, const LanguageModel& model, const ScoredPart& part,
                                   FinishedPages* pages, std::size_t save_every);

}  // namespace unpact
