#pragma once
/// Vectors in front of the question that make a model say what it has forgotten (Schwinn et al., arXiv 2402.09063):
/// universal ones, trained on some questions and tried on others.
///
/// Legend of shapes: K vectors, S tokens of a sequence, D hidden size, V vocabulary.
#include <cstdint>
#include <functional>
#include <tuple>
#include <vector>

#include "unpact/evaluation/evaluation_options.hpp"
#include "unpact/evaluation/questions.hpp"

namespace unpact {

/// What the vectors are after some steps.
struct TrainedVectors {
  std::vector<float> values;         ///< K x D, row-major, in the scale of the embedding table
  double loss = 0;                   ///< of the last step before: mean over its questions of -LP, nats a token
  std::int64_t tokens = 0;           ///< that ran forward since the vectors before
  std::int64_t step = 0;             ///< how many there were
  std::vector<float> first, second;  ///< Adam's moments, K x D each: a training goes on from them
  template <class Self>
  static auto fields(Self& self) {
    return std::tie(self.values, self.loss, self.tokens, self.step, self.first, self.second);
  }
};

/// K tokens that the seed draws.
std::vector<TokenId> starting_tokens(const Transformer& model, std::int64_t count, std::uint64_t seed);

/// Vectors before the first step: the embeddings of `start`.
TrainedVectors untrained_vectors(const Transformer& model, const std::vector<TokenId>& start);

/// Trains K vectors, which stand where each question begins, by Adam (beta 0.9, 0.999; epsilon 1e-8) on the mean over a
/// batch of -LP of the gold answers; the weights stay. The model must lie whole on every rank and answer alone. Collective
/// over `group`: the questions of a batch are dealt over its ranks, and the result is the same for any number of ranks, bit
/// for bit on the CPU. @param taught questions to train on, at least one. @param from the vectors after fewer than `steps`
/// steps. @param seed of the batches. @param before_step called before each, with the number of those done; collective.
TrainedVectors train_soft_prompt(const Communicator& group, const Transformer& model,
                                 const std::vector<const AskedQuestion*>& taught, const SoftPromptOptions& options,
                                 const TrainedVectors& from, std::int64_t steps, std::uint64_t seed,
                                 const std::function<void(std::int64_t)>& before_step = {});

/// The model with the vectors as further tokens, whose ids follow those of the embedding table; no answer holds them.
LanguageModel with_soft_tokens(const LanguageModel& model, const std::vector<float>& values, std::int64_t count);

/// The question's prompt with these tokens where the question begins.
std::vector<TokenId> with_soft_prompt(const Transformer& model, const Prompt& prompt, std::int64_t count);

}  // namespace unpact
