#pragma once
/// Text continuation with cached keys and values, greedy or sampled. Sequences of all prompts run together, row after row
/// without padding; one that ends leaves, a waiting one takes its place, and what prompts begin with alike runs once. On the
/// CPU in float32 no result depends on what is answered beside it, bit for bit; elsewhere matrix products of another shape
/// round otherwise.
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
  /// Positions whose keys and values are held at once, unless one answer needs more; 0: as the free memory allows. No token
  /// depends on it.
  std::uint64_t token_budget = 0;
};

/// Of two models that answer as one (padded batches), where token_budget is 0.
inline constexpr std::uint64_t kPaddedPositions = 8192;

/// Answers that run together where memory allows: beyond, more rows read the weights no better.
inline constexpr std::size_t kMostSequences = 512;

struct GenerationRequest {
  std::vector<TokenId> prompt;
  /// Sampling depends on (seed, stream, index of the new token) alone, not on batch or rank.
  std::uint64_t stream = 0;
};

/// The new tokens of a request, without the stop token, and log p of each, nats, whatever the temperature (none of a model that
/// answers elsewhere).
struct Continuation {
  std::vector<TokenId> tokens;
  std::vector<float> log_probabilities;
};

/// Stops at any of the config's eos ids. @throws UserError for bad options, an empty prompt or one that leaves no room in
/// the context; RuntimeFailure when logits are not finite.
std::vector<Continuation> continue_prompts(const Transformer& model, const std::vector<GenerationRequest>& requests,
                                           const GenerationOptions& options);

/// The tokens of continue_prompts().
std::vector<std::vector<TokenId>> generate(const Transformer& model, const std::vector<GenerationRequest>& requests,
                                           const GenerationOptions& options);

/// The definition of a draw from few numbers: one id from logits (V, float, CPU) with a uniform number in [0, 1), the
/// likeliest ids first.
TokenId sample_token(const at::Tensor& logits_V, double temperature, double top_p, double uniform);

}  // namespace unpact
