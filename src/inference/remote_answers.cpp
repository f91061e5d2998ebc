#include "remote_answers.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "unpact/core/error.hpp"
#include "unpact/core/random.hpp"

namespace unpact {

std::vector<std::vector<float>> score_remotely(const RemoteModel& model, const std::vector<PromptAnswer>& items) {
  std::vector<ScoredIds> sequences;
  for (const auto& [prompt, answer] : items) {
    sequences.push_back({prompt, answer.size()});
    sequences.back().ids.insert(sequences.back().ids.end(), answer.begin(), answer.end());
  }
  std::vector<std::vector<float>> scores;
  for (auto& found : model.score(sequences)) scores.push_back(std::move(found.log_probabilities));
  for (std::size_t i = 0; i < scores.size(); ++i)
    for (const float value : scores[i])
      if (!std::isfinite(value))
        throw RuntimeFailure(concat(model.name(), " gives no finite log-probability for item ", i),
                             "its weights or activations overflow", "look at the model behind the endpoint");
  return scores;
}

std::vector<Continuation> continue_remotely(const RemoteModel& model, const ModelConfig& config,
                                            const std::vector<GenerationRequest>& requests,
                                            const GenerationOptions& options) {
  constexpr std::uint64_t kLargestSeed = (std::uint64_t{1} << 31) - 1;  // servers read signed 32 bits
  std::vector<RemotePrompt> prompts;
  std::vector<std::size_t> place;
  std::map<std::vector<TokenId>, std::size_t> known;
  for (const auto& request : requests) {
    if (!options.sample) {
      const auto [at, is_new] = known.try_emplace(request.prompt, prompts.size());
      place.push_back(at->second);
      if (!is_new) continue;
    } else {
      place.push_back(prompts.size());
    }
    prompts.push_back({request.prompt, random_bits(options.seed, request.stream, 0) & kLargestSeed});
  }
  const auto answers = model.answer(prompts, {options.max_new_tokens, options.sample, options.temperature, options.top_p});
  std::vector<Continuation> continuations;
  for (const auto at : place) {
    const auto& ids = answers.at(at);
    const auto end = std::find_first_of(ids.begin(), ids.end(), config.eos_ids.begin(), config.eos_ids.end());
    continuations.push_back({{ids.begin(), end}, {}});
  }
  return continuations;
}

}  // namespace unpact
