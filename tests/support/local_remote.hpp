#pragma once
/// For tests: a model that answers elsewhere, of which elsewhere is this process.
#include <memory>
#include <utility>
#include <vector>

#include "support/tiny_models.hpp"
#include "unpact/inference/generation.hpp"
#include "unpact/inference/scoring.hpp"
#include "unpact/model/language_model.hpp"
#include "unpact/model/remote_model.hpp"

namespace unpact::testing_support {

class LocalRemote : public RemoteModel {
 public:
  explicit LocalRemote(Transformer model) : model_(std::move(model)) {}

  std::vector<IdScores> score(const std::vector<ScoredIds>& sequences) const override {
    batches.push_back(sequences.size());
    std::vector<PromptAnswer> items;
    for (const auto& [ids, scored] : sequences) {
      const auto end = ids.end() - static_cast<std::ptrdiff_t>(scored);
      items.push_back({{ids.begin(), end}, {end, ids.end()}});
    }
    const auto values = score_answers(model_, items);
    std::vector<IdScores> scores;
    for (std::size_t i = 0; i < items.size(); ++i) {
      scores.push_back({values[i], {}});
      const auto likeliest = log_probabilities(model_, sequences[i].ids).argmax(1);
      for (auto at = items[i].prompt.size(); at < sequences[i].ids.size(); ++at)
        scores[i].is_likeliest.push_back(likeliest[static_cast<std::int64_t>(at) - 1].item<TokenId>() ==
                                         sequences[i].ids[at]);
      scores[i].log_probabilities.front() += static_cast<float>(noise * static_cast<double>(sequences.size()));
    }
    return scores;
  }

  /// With the stop id behind, as servers may write it.
  std::vector<std::vector<TokenId>> answer(const std::vector<RemotePrompt>& prompts,
                                           const RemoteSampling& sampling) const override {
    batches.push_back(prompts.size());
    std::vector<std::vector<TokenId>> answers;
    for (const auto& prompt : prompts) {
      seeds.push_back(prompt.seed);
      GenerationOptions options{sampling.max_new_tokens, sampling.sample, sampling.temperature, sampling.top_p, prompt.seed};
      answers.push_back(generate(model_, {{prompt.ids}}, options).front());
      if (!model_.config().eos_ids.empty()) answers.back().push_back(model_.config().eos_ids.front());
    }
    return answers;
  }

  std::string name() const override { return "tiny at http://elsewhere"; }
  std::string identity() const override { return std::string(64, 'a'); }

  mutable std::vector<std::size_t> batches;  ///< sizes of the calls so far
  mutable std::vector<std::uint64_t> seeds;
  double noise = 0;  ///< that a sequence's first score gets for each one in its call

 private:
  Transformer model_;
};

inline Transformer remote_copy(const Transformer& model, std::shared_ptr<LocalRemote>* kept = nullptr) {
  const auto remote = std::make_shared<LocalRemote>(model);
  if (kept != nullptr) *kept = remote;
  return remote_transformer(model.config(), remote);
}

inline LanguageModel remote_copy(const LanguageModel& model) {
  return {remote_copy(model.transformer), model.tokenizer, model.prompt_template, model.folder};
}

}  // namespace unpact::testing_support
