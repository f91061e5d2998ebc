#include "unpact/inference/next_token_scores.hpp"

#include <ATen/ATen.h>

#include <cmath>

#include "next_tokens.hpp"
#include "prompt_hidden.hpp"
#include "unpact/core/error.hpp"
#include "unpact/inference/scoring.hpp"
#include "unpact/model/sequences.hpp"

namespace unpact {
namespace {

void check_prompt(const ModelConfig& config, const std::vector<TokenId>& prompt, const std::vector<TokenId>& candidates,
                  std::size_t index) {
  UNPACT_VALIDATE(!prompt.empty(), concat("item ", index, " has an empty prompt"),
                  "the next token would have nothing in front of it", "give a prompt, or let the template add BOS");
  check_sequence(config, prompt, 0);
  check_sequence(config, candidates, 0);
}

void check_finite(float value, std::size_t item) {
  if (std::isfinite(value)) return;
  throw RuntimeFailure(concat("the model gives no finite log-probability for item ", item),
                       "its weights or activations overflow",
                       "inspect the checkpoint; an unlearned model may have diverged");
}

/// By the plain forward pass, for two models that answer as one.
at::Tensor hidden_after_padded(const Transformer& model, const std::vector<std::vector<TokenId>>& prompts,
                               std::size_t token_budget) {
  std::vector<at::Tensor> hidden(prompts.size());
  for (const auto& batch : pack_by_length(
           prompts.size(), [&](std::size_t i) { return prompts[i].size(); }, token_budget)) {
    std::vector<std::vector<TokenId>> sequences;
    for (const auto i : batch) sequences.push_back(prompts[i]);
    const auto hidden_BSD = model.hidden(pad_right(sequences, model.device()));
    for (std::size_t b = 0; b < batch.size(); ++b)
      hidden[batch[b]] =
          hidden_BSD.select(0, static_cast<std::int64_t>(b)).select(0, static_cast<std::int64_t>(sequences[b].size()) - 1);
  }
  return at::stack(hidden);
}

}  // namespace

std::vector<std::vector<float>> score_next_tokens(const Transformer& model, const std::vector<std::vector<TokenId>>& prompts,
                                                  const std::vector<std::vector<TokenId>>& candidates,
                                                  std::size_t token_budget) {
  UNPACT_EXPECT(prompts.size() == candidates.size());
  const c10::InferenceMode guard;
  std::vector<std::vector<float>> scores(prompts.size());
  for (std::size_t i = 0; i < prompts.size(); ++i) check_prompt(model.config(), prompts[i], candidates[i], i);
  if (prompts.empty()) return scores;
  const auto hidden_PD = model.reinforced() != nullptr ? hidden_after_padded(model, prompts, token_budget)
                                                       : hidden_after(model, prompts, token_budget);
  for_logits(model, hidden_PD, [&](std::int64_t begin, std::int64_t rows, const at::Tensor& logits_RV) {
    std::vector<std::int64_t> at_rows, targets;
    for (std::int64_t row = 0; row < rows; ++row) {
      const auto& wanted = candidates[static_cast<std::size_t>(begin + row)];
      at_rows.insert(at_rows.end(), wanted.size(), row);
      targets.insert(targets.end(), wanted.begin(), wanted.end());
    }
    if (targets.empty()) return;
    const auto values = logits_RV.log_softmax(1)
                            .index({to_tensor(at_rows, model.device()), to_tensor(targets, model.device())})
                            .to(at::kCPU);
    for (std::size_t k = 0; k < targets.size(); ++k) {
      const auto item = static_cast<std::size_t>(begin + at_rows[k]);
      scores[item].push_back(values.const_data_ptr<float>()[k]);
      check_finite(scores[item].back(), item);
    }
  });
  return scores;
}

}  // namespace unpact
