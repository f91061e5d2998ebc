#include "unpact/inference/generation.hpp"

#include <ATen/ATen.h>

#include "encoder_decoder.hpp"
#include "packed_generation.hpp"
#include "padded_generation.hpp"
#include "remote_answers.hpp"
#include "unpact/core/error.hpp"
#include "unpact/inference/scoring.hpp"
#include "unpact/model/encoder_decoder.hpp"

namespace unpact {
namespace {

void check_options(const GenerationOptions& options) {
  UNPACT_VALIDATE(options.max_new_tokens > 0, "generation.max_new_tokens must be positive",
                  concat("it is ", options.max_new_tokens), "ask for at least one token");
  UNPACT_VALIDATE(options.temperature > 0, "generation.temperature must be positive", concat("it is ", options.temperature),
                  "use 1, or greedy answers");
  UNPACT_VALIDATE(options.top_p > 0 && options.top_p <= 1, "generation.top_p must lie in (0, 1]",
                  concat("it is ", options.top_p), "use 1 for the whole vocabulary");
}

}  // namespace

TokenId sample_token(const at::Tensor& logits_V, double temperature, double top_p, double uniform) {
  const auto probabilities = (logits_V.to(at::kDouble) / temperature).softmax(0);
  const auto [sorted, ids] = probabilities.sort(0, /*descending=*/true);
  const auto* p = sorted.const_data_ptr<double>();
  const auto* id = ids.const_data_ptr<std::int64_t>();
  const auto count = sorted.numel();
  std::int64_t kept = 0;
  double mass = 0;
  while (kept < count && (kept == 0 || mass < top_p)) mass += p[kept++];
  double remaining = uniform * mass;
  for (std::int64_t k = 0; k < kept; ++k) {
    remaining -= p[k];
    if (remaining < 0) return id[k];
  }
  return id[kept - 1];
}

std::vector<Continuation> continue_prompts(const Transformer& model, const std::vector<GenerationRequest>& requests,
                                           const GenerationOptions& options) {
  check_options(options);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    UNPACT_VALIDATE(!requests[i].prompt.empty(), concat("prompt ", i, " is empty"), "there is nothing to continue",
                    "give a prompt, or let the template add BOS");
    check_sequence(model.config(), requests[i].prompt, static_cast<std::size_t>(options.max_new_tokens));
  }
  if (requests.empty()) return {};
  if (const auto* remote = remote_of(model)) return continue_remotely(*remote, model.config(), requests, options);
  if (is_encoder_decoder(model.config())) return continue_encoder_decoder(model, requests, options);
  return model.reinforced() != nullptr ? continue_padded(model, requests, options)
                                       : continue_packed(model, requests, options);
}

std::vector<std::vector<TokenId>> generate(const Transformer& model, const std::vector<GenerationRequest>& requests,
                                           const GenerationOptions& options) {
  std::vector<std::vector<TokenId>> answers;
  for (auto& answer : continue_prompts(model, requests, options)) answers.push_back(std::move(answer.tokens));
  return answers;
}

}  // namespace unpact
