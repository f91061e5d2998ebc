#pragma once
/// Token weights from exact prompt-side attribution: how much each token of the answer owes to the question's KeyTokens on
/// the frozen target. (TokenUnlearn, arXiv 2605.00364, collapses the same matrix to one masked row.)
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "unpact/campaign/question_contributions.hpp"
#include "unpact/data/dataset.hpp"
#include "unpact/data/examples.hpp"
#include "unpact/text/prompt.hpp"
#include "unpact/text/tokenizer.hpp"
#include "unpact/unlearn/token_weighting.hpp"
#include "unpact/unlearn/variants.hpp"

namespace unpact {

struct AttributionRule {
  AttributionWeights weights = AttributionWeights::contribution;
  double share = 0.2;      ///< hard
  std::uint64_t seed = 0;  ///< random
};

/// The weights of one answer's T targets, which sum to T. @param question its number, of which its random order is drawn.
/// None where attribution gives no weight: no KeyTokens, or nothing that an answer token owes to them.
std::optional<std::vector<float>> weights_of_answer(const QuestionContributions& contributions, const AttributionRule& rule,
                                                    std::size_t question);

/// Those of every example; 1 for all targets of an answer without any, which the log counts. @param pairs,examples as of
/// pairs_of_examples(). @param of the contributions, by question. @param question_of_pair which question each of `pairs`
/// puts.
TokenWeights attribution_weights(const std::vector<QuestionAnswer>& pairs, const std::vector<Example>& examples,
                                 const Tokenizer& tokenizer, const PromptTemplate& prompt_template,
                                 const std::vector<QuestionContributions>& of,
                                 const std::vector<std::size_t>& question_of_pair, const AttributionRule& rule);

}  // namespace unpact
