#pragma once
/// Which alpha and beta make the best KeyTokens, on a grid (docs/attribution.md says why these objectives).
///
/// Legend: n candidates of a prompt.
#include <cstdint>
#include <string>
#include <vector>

#include "unpact/attribution/leave_one_out.hpp"
#include "unpact/evaluation/questions.hpp"
#include "unpact/results/tuning.hpp"

namespace unpact {

/// What the search needs to know of one prompt.
struct ThresholdPrompt {
  std::vector<float> contributions;       ///< n
  std::vector<std::uint8_t> is_labelled;  ///< n: part of a labelled key word; empty: no labels
  /// n+1: LP when the k largest contributions' tokens are removed together; empty: unknown. KeyTokens are always the k
  /// largest for some k, so that these n+1 numbers serve every alpha and beta.
  std::vector<double> without_largest;
};

/// `labels`: F1 of KeyTokens against the tokens of labelled words, counts added over prompts. `effect`: mean over prompts
/// of (LP(x) - LP(x without KeyTokens)) / (LP(x) - LP(x without candidates)), cut to 0..1, minus the share of candidates
/// that are KeyTokens; prompts whose candidates together are worth no more than `noise` nats are left out.
/// The best point is that with the largest objective on the tuned half; among equals the one whose neighbours are best,
/// then the first. @throws UserError when a half has no prompt.
ThresholdGrid search_thresholds(const std::vector<ThresholdPrompt>& prompts, const std::string& objective,
                                std::vector<double> alphas, std::vector<double> betas, double noise);

/// Candidates of the prompt that hold a part of one of the question's key words. @throws UserError for a word that the
/// question does not contain.
std::vector<std::uint8_t> label_candidates(const AskedQuestion& asked);

/// LP without the k tokens of largest contribution, k = 0 .. n. @throws as CoalitionScorer.
std::vector<double> score_without_largest(const Transformer& model, const AttributionTask& task,
                                          const std::vector<float>& contributions, std::size_t token_budget);

/// "0:0.6:0.02" (from, to, step) or "0.1, 0.2". @throws UserError naming the option.
std::vector<double> read_grid_axis(const std::string& text, const std::string& option);

}  // namespace unpact
