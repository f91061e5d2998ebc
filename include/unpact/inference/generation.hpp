#pragma once
/// Text continuation with a key-value cache, greedy or sampled, in batches.
#include <cstdint>
#include <vector>

#include "unpact/model/transformer.hpp"
#include "unpact/text/tokenizer.hpp"

namespace unpact {

struct GenerationOptions {
  std::int64_t max_new_tokens = 32;
  bool sample = false;       ///< multinomial instead of greedy
  double temperature = 1.0;  ///< > 0
  double top_p = 1.0;        ///< nucleus (Holtzman et al., arXiv 1904.09751); 1: the whole vocabulary
  std::uint64_t seed = 0;
  std::size_t token_budget = 8192;  ///< padded tokens a batch
};

struct GenerationRequest {
  std::vector<TokenId> prompt;
  /// Sampling depends on (seed, stream, index of the new token) alone, not on batch or rank.
  std::uint64_t stream = 0;
};

/// The new tokens of each request, without the stop token; stops at any of the config's eos ids.
/// @throws UserError for bad options, an empty prompt or one that leaves no room in the context;
/// RuntimeFailure when logits are not finite.
std::vector<std::vector<TokenId>> generate(const Transformer& model, const std::vector<GenerationRequest>& requests,
                                           const GenerationOptions& options);

/// Draws one id from logits (V, float32, CPU) with a uniform number in [0, 1).
TokenId sample_token(const at::Tensor& logits_V, double temperature, double top_p, double uniform);

}  // namespace unpact
