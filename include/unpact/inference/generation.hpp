#pragma once
/// Text continuation with cached keys and values, greedy or sampled. Sequences of all prompts run together, row after row
/// without padding; one that ends leaves, a waiting one takes its place, and what prompts begin with alike runs once. On the
/// CPU in float32 no result depends on what is answered beside it, bit for bit; elsewhere matrix products of another shape
/// round otherwise.
#include <cstdint>
#include <vector>

#include "unpact/core/enumeration.hpp"
#include "unpact/model/transformer.hpp"
#include "unpact/text/tokenizer.hpp"

namespace unpact {

/// How long a model that thinks may think before it answers.
enum class Thinking : std::uint8_t {
  none,   ///< an empty thought
  brief,  ///< its own thought, cut after some tokens and closed
  full,   ///< until it closes its thought, or the limit
};
UNPACT_ENUMERATION(Thinking, "none", "short", "full");

struct GenerationOptions {
  std::int64_t max_new_tokens = 32;
  bool sample = false;       ///< multinomial instead of greedy
  double temperature = 1.0;  ///< > 0
  double top_p = 1.0;        ///< nucleus (Holtzman et al., arXiv 1904.09751); 1: the whole vocabulary
  std::uint64_t seed = 0;
  /// Positions whose keys and values are held at once, unless one answer needs more; 0: as the free memory allows. No token
  /// depends on it.
  std::uint64_t token_budget = 0;
  Thinking thinking = Thinking::full;    ///< of models that think; others do not heed it and the next two
  std::int64_t trace_tokens = 512;       ///< longest trace of `full`, closed by force there
  std::int64_t short_trace_tokens = 32;  ///< longest trace of `short`
  /// Tokens that it may write of a trace.
  std::int64_t longest_trace() const {
    return thinking == Thinking::none ? 0 : thinking == Thinking::brief ? short_trace_tokens : trace_tokens;
  }
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
