#include "passes.hpp"

#include <ATen/ATen.h>

#include <cmath>

#include "unpact/core/error.hpp"
#include "unpact/inference/scoring.hpp"

namespace unpact {

void require_task(const ModelConfig& config, const AttributionTask& task) {
  UNPACT_EXPECT(task.candidate_begin <= task.candidate_end && task.candidate_end <= task.prompt.size());
  UNPACT_VALIDATE(task.candidates() > 0, "the prompt has no candidate tokens", "there is nothing to attribute to",
                  "give a question, or widen the candidates to the template");
  UNPACT_VALIDATE(!task.answer.empty(), "the answer is empty", "there is nothing to score", "give an answer");
  check_sequence(config, task.prompt, task.answer.size());
  check_sequence(config, task.answer, 0);
}

void check_baseline_id(const ModelConfig& config, TokenId id) {
  UNPACT_VALIDATE(id >= 0 && id < config.vocabulary_size, concat("option 'attribution.baseline' names the token id ", id),
                  concat("the model's vocabulary has ", config.vocabulary_size, " entries"),
                  "choose an id of the vocabulary");
}

std::vector<TokenId> model_input(const AttributionTask& task) {
  auto ids = task.prompt;
  ids.insert(ids.end(), task.answer.begin(), task.answer.end() - 1);
  return ids;
}

at::Tensor mean_log_probabilities_B(const Transformer& model, const at::Tensor& hidden_BSD, const at::Tensor& targets_T) {
  const auto answer_tokens = targets_T.size(0);
  const auto rows_RD = hidden_BSD.narrow(1, hidden_BSD.size(1) - answer_tokens, answer_tokens).flatten(0, 1);
  const auto scores_R = target_log_probabilities(model, rows_RD, targets_T.repeat({hidden_BSD.size(0)}));
  return scores_R.view({hidden_BSD.size(0), answer_tokens}).to(at::kDouble).mean(1);
}

std::vector<double> to_doubles(const at::Tensor& values) {
  const auto host = values.detach().to(at::kCPU).to(at::kDouble).contiguous();
  return {host.const_data_ptr<double>(), host.const_data_ptr<double>() + host.numel()};
}

void require_finite(const std::vector<double>& values, const std::string& what) {
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!std::isfinite(values[i]))
      throw RuntimeFailure(concat(what, " is not finite"), concat("value ", i, " of ", values.size()),
                           "inspect the checkpoint; an unlearned model may have diverged");
}

std::vector<float> to_floats(const std::vector<double>& values) { return {values.begin(), values.end()}; }

void count_pass(AttributionWork& work, const at::Tensor& tokens_BS, std::int64_t rows) {
  work.positions += static_cast<std::uint64_t>(tokens_BS.size(0) * tokens_BS.size(1));
  work.model_calls += 1;
  work.logit_rows += static_cast<std::uint64_t>(rows);
}

}  // namespace unpact
