#include "gradient_norms.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>

#include "membership.hpp"
#include "unpact/comm/share_work.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"
#include "unpact/model/encoder_decoder.hpp"
#include "unpact/model/sequences.hpp"
#include "unpact/model/sharded_replica.hpp"

namespace unpact {
namespace {

/// The model with weights by which can be differentiated; they share the storage of its own.
Transformer differentiable(const Transformer& model) {
  auto weights = model.weights();
  change_weights(model.config(), weights, [](const at::Tensor& weight) { return weight.detach().requires_grad_(true); });
  return {model.config(), std::move(weights)};
}

double norm_of(const Transformer& model, const PromptAnswer& item) {
  const c10::AutoGradMode with_gradients(true);
  check_sequence(model.config(), item.prompt, item.answer.size());
  std::vector<std::vector<TokenId>> sequence = {item.prompt};
  sequence[0].insert(sequence[0].end(), item.answer.begin(), item.answer.end() - 1);
  const auto hidden_SD = model.hidden(pad_right(sequence, model.device())).squeeze(0);
  const auto tokens = static_cast<std::int64_t>(item.answer.size());
  const auto log_p_T = target_log_probabilities(model, hidden_SD.narrow(0, hidden_SD.size(0) - tokens, tokens),
                                                to_tensor(item.answer, model.device()));
  std::vector<at::Tensor> weights;
  for (const auto& [name, weight] : named_tensors(model.weights())) weights.push_back(weight);
  const auto gradients = torch::autograd::grad({-log_p_T.mean()}, weights, {}, c10::nullopt, false, /*allow_unused=*/true);
  std::vector<double> norms;
  for (const auto& gradient : gradients)
    norms.push_back(gradient.defined() ? gradient.to(at::kDouble).norm().item<double>() : 0.0);
  return gradient_norm_score(norms);
}

}  // namespace

std::vector<double> gradient_norms(const Communicator& group, const LanguageModel& model, const ScoredPart& part,
                                   FinishedPages* pages, std::size_t save_every) {
  const bool has_encoder = is_encoder_decoder(model.transformer.config());
  if (has_encoder || is_sharded(model.transformer) || model.transformer.reinforced() != nullptr) {
    if (group.is_root())
      log::warn("there is no gradient norm of this model: it lies on shards, answers by two, or has an encoder");
    return {};
  }
  const auto differentiated = differentiable(model.transformer);
  const PageOptions kept{pages, concat("metrics_", part.name, "_gradients"), save_every};
  return run_in_pages(kept, part.items.size(), [&](std::size_t page_first, std::size_t page_last) {
    return share_work(group, page_last - page_first, 1, [&](std::size_t first, std::size_t last) {
      std::vector<double> norms;
      for (auto i = page_first + first; i < page_first + last; ++i) {
        norms.push_back(norm_of(differentiated, part.items[i]));
        if (!std::isfinite(norms.back()))
          throw RuntimeFailure(concat("the gradient of item ", i, " of the metrics' ", part.name, " is not finite"),
                               "the model's weights or activations overflow",
                               "inspect the checkpoint; an unlearned model may have diverged");
      }
      return norms;
    });
  });
}

}  // namespace unpact
