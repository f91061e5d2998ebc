#include "unpact/inference/next_token_scores.hpp"

#include <ATen/ATen.h>

#include <cmath>

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

}  // namespace

std::vector<std::vector<float>> score_next_tokens(const Transformer& model, const std::vector<std::vector<TokenId>>& prompts,
                                                  const std::vector<std::vector<TokenId>>& candidates,
                                                  std::size_t token_budget) {
  UNPACT_EXPECT(prompts.size() == candidates.size());
  const c10::InferenceMode guard;
  std::vector<std::vector<float>> scores(prompts.size());
  for (std::size_t i = 0; i < prompts.size(); ++i) check_prompt(model.config(), prompts[i], candidates[i], i);
  for (const auto& batch : pack_by_length(
           prompts.size(), [&](std::size_t i) { return prompts[i].size(); }, token_budget)) {
    std::vector<std::vector<TokenId>> sequences;
    std::vector<std::int64_t> last_rows;
    for (const auto i : batch) {
      last_rows.push_back(
          static_cast<std::int64_t>(sequences.size() * prompts[batch.front()].size() + prompts[i].size() - 1));
      sequences.push_back(prompts[i]);
    }
    const auto hidden_BD = model.hidden(pad_right(sequences, model.device()))
                               .flatten(0, 1)
                               .index_select(0, to_tensor(last_rows, model.device()));
    const auto log_p_BV = model.logits(hidden_BD).log_softmax(1);
    for (std::size_t b = 0; b < batch.size(); ++b) {
      const auto i = batch[b];
      const auto chosen =
          log_p_BV[static_cast<std::int64_t>(b)].index_select(0, to_tensor(candidates[i], model.device())).to(at::kCPU);
      const auto* values = chosen.const_data_ptr<float>();
      scores[i].assign(values, values + candidates[i].size());
      for (const float value : scores[i])
        if (!std::isfinite(value))
          throw RuntimeFailure(concat("the model gives no finite log-probability for item ", i),
                               "its weights or activations overflow",
                               "inspect the checkpoint; an unlearned model may have diverged");
    }
  }
  return scores;
}

}  // namespace unpact
