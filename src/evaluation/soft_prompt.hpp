#pragma once
/// Vectors in front of the question that make a model say what it has forgotten (Schwinn et al., arXiv 2402.09063):
/// universal ones, trained on some questions and tried on others.
///
/// Legend of shapes: K vectors, S tokens of a sequence, D hidden size, V vocabulary.
#include <cstdint>
#include <tuple>
#include <vector>

#include "unpact/evaluation/evaluation_options.hpp"
#include "unpact/evaluation/questions.hpp"

namespace unpact {

/// What the vectors are after some steps.
struct TrainedVectors {
  std::vector<float> values;  ///< K x D, row-major, in the scale of the embedding table
  double loss = 0;            ///< of the last step before: mean over its questions of -LP, nats a token
  std::int64_t tokens = 0;    ///< that ran forward since the vectors before
  template <class Self>
  static auto fields(Self& self) {
    return std::tie(self.values, self.loss, self.tokens);
  }
};

/// K tokens that the seed draws.
std::vector<TokenId> starting_tokens(const Transformer& model, std::int64_t count, std::uint64_t seed);

/// Trains K vectors, which stand where each question begins, by Adam (beta 0.9, 0.999; epsilon 1e-8) on the mean over a
/// batch of -LP of the gold answers; the weights stay. They start as the embeddings of `start`. The model must lie whole on
/// every rank and answer alone. Collective over `group`: the questions of a batch are dealt over its ranks, and the result
/// is the same for any number of ranks, bit for bit on the CPU. @param taught questions to train on, at least one. @param
/// start K tokens. @param seed of the batches. @return one entry each of `steps`.
std::vector<TrainedVectors> train_soft_prompt(const Communicator& group, const Transformer& model,
                                              const std::vector<const AskedQuestion*>& taught,
                                              const SoftPromptOptions& options, const std::vector<std::int64_t>& steps,
                                              const std::vector<TokenId>& start, std::uint64_t seed);

/// The model with the vectors as further tokens, whose ids follow those of the embedding table; no answer holds them.
LanguageModel with_soft_tokens(const LanguageModel& model, const std::vector<float>& values, std::int64_t count);

/// The question's prompt with these tokens where the question begins.
std::vector<TokenId> with_soft_prompt(const Transformer& model, const Prompt& prompt, std::int64_t count);

}  // namespace unpact
