#include "growing_answers.hpp"

#include <ATen/ATen.h>

#include <algorithm>

#include "unpact/core/random.hpp"

namespace unpact {

GrowingAnswers::GrowingAnswers(const Transformer& model, const std::vector<GenerationRequest>& requests,
                               const std::vector<std::size_t>& batch, const GenerationOptions& options)
    : model_(model), requests_(requests), batch_(batch), options_(options), output_(batch.size()), going_(batch.size(), 1) {}

bool GrowingAnswers::any_goes_on() const {
  return std::ranges::any_of(going_, [](auto goes) { return goes != 0; });
}

std::vector<std::int64_t> GrowingAnswers::choose(const at::Tensor& hidden_BD) {
  auto chosen = next_tokens(model_, hidden_BD, options_, workspace_.slot(Workspace::logits), [&](std::size_t b) {
    return random_uniform(options_.seed, requests_[batch_[b]].stream, output_[b].tokens.size());
  });
  for (std::size_t b = 0; b < batch_.size(); ++b)
    if (going_[b] != 0)
      going_[b] = take_token(model_.config(), options_, chosen.ids[b], chosen.log_probabilities[b], output_[b]) ? 1 : 0;
  return std::move(chosen.ids);
}

}  // namespace unpact
