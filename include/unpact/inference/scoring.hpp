#pragma once
/// Log-probabilities of given answers behind given prompts.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "unpact/model/transformer.hpp"
#include "unpact/text/tokenizer.hpp"

namespace unpact {

struct PromptAnswer {
  std::vector<TokenId> prompt, answer;
};

/// log p(answer_k | prompt, answer_<k) for every answer token, nats. Items run packed, and what they begin with alike runs
/// once (answer_rows.hpp): on the CPU in float32 no score depends on the other items, bit for bit. @param token_budget as of
/// for_answers(). @throws UserError for an empty prompt or answer or a sequence longer than the model's context, and
/// RuntimeFailure when a log-probability is not finite, naming the item.
std::vector<std::vector<float>> score_answers(const Transformer& model, const std::vector<PromptAnswer>& items,
                                              std::uint64_t token_budget = 0);

/// The same by plain forward passes, every sequence whole, batched by length under a budget of padded tokens: what
/// score_answers() is held against.
std::vector<std::vector<float>> score_by_passes(const Transformer& model, const std::vector<PromptAnswer>& items,
                                                std::size_t token_budget = 4096);

/// Refuses items that cannot be scored, as score_answers() says.
void check_items(const ModelConfig& config, const std::vector<PromptAnswer>& items);

/// log softmax(logits(hidden))[target] for R rows: hidden_RD, targets_R (int64) -> (R) float32. Runs over chunks of
/// rows, so that the logits never exist all at once (with gradients, which are kept for them, they do).
/// @param row_chunk rows of logits at a time; 0: as many as take 32 MiB (CPU) or 256 MiB (CUDA), and in float32 on the CPU
/// tiles of the vocabulary, 1 MiB each.
at::Tensor target_log_probabilities(const Transformer& model, const at::Tensor& hidden_RD, const at::Tensor& targets_R,
                                    std::int64_t row_chunk = 0);

/// The same where a row may be asked for several targets, or for none: value i belongs to hidden row rows[i] and
/// targets[i]. Each row's logits are computed once. On the host.
std::vector<float> chosen_log_probabilities(const Transformer& model, const at::Tensor& hidden_RD,
                                            const std::vector<std::int64_t>& rows, const std::vector<TokenId>& targets,
                                            std::int64_t row_chunk = 0);

/// LP of the design: the mean of the answer tokens' log-probabilities.
double mean_log_probability(const std::vector<float>& log_probabilities);

/// Refuses sequences that the model cannot hold or tokens outside its vocabulary.
void check_sequence(const ModelConfig& config, const std::vector<TokenId>& ids, std::size_t extra_tokens);

}  // namespace unpact
