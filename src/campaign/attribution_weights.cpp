#include "attribution_weights.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "pairs_of_examples.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"
#include "unpact/core/random.hpp"

namespace unpact {
namespace {

/// sum over KeyTokens i of max(0, L[0,t] - L[i,t]).
std::vector<double> owed_to_each(const QuestionContributions& c) {
  const auto columns = c.log_probabilities.size() / (c.is_key_token.size() + 1);
  std::vector<double> owed(columns, 0);
  for (std::size_t i = 0; i < c.is_key_token.size(); ++i) {
    if (c.is_key_token[i] == 0) continue;
    for (std::size_t t = 0; t < columns; ++t)
      owed[t] += std::max(0.0, static_cast<double>(c.log_probabilities[t]) - c.log_probabilities[(i + 1) * columns + t]);
  }
  return owed;
}

/// max(0, L[0,t] - L[K,t]).
std::vector<double> owed_to_all(const QuestionContributions& c) {
  std::vector<double> owed;
  for (std::size_t t = 0; t < c.joint.size(); ++t)
    owed.push_back(std::max(0.0, static_cast<double>(c.whole[t]) - c.joint[t]));
  return owed;
}

/// The largest minus each.
std::vector<double> rest_of(std::vector<double> owed) {
  const auto largest = owed.empty() ? 0.0 : *std::ranges::max_element(owed);
  for (auto& value : owed) value = largest - value;
  return owed;
}

/// 1 for the largest, at least one; of equal ones the first. None for what owes nothing.
std::vector<double> largest_of(const std::vector<double>& owed, double share) {
  std::vector<std::size_t> order(owed.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) { return owed[a] > owed[b]; });
  const auto count = static_cast<std::size_t>(std::max(1.0, std::ceil(share * static_cast<double>(owed.size()) - 1e-9)));
  std::vector<double> chosen(owed.size(), 0);
  for (std::size_t k = 0; k < std::min(count, order.size()); ++k)
    if (owed[order[k]] > 0) chosen[order[k]] = 1;
  return chosen;
}

std::vector<double> shuffled(const std::vector<double>& owed, std::uint64_t seed, std::size_t question) {
  static const auto stream = stream_of("attribution weights");
  const auto order = random_permutation(static_cast<std::int64_t>(owed.size()), seed, random_bits(0, stream, question));
  std::vector<double> other;
  for (const auto t : order) other.push_back(owed[static_cast<std::size_t>(t)]);
  return other;
}

std::vector<double> owed_by(const QuestionContributions& c, const AttributionRule& rule, std::size_t question) {
  switch (rule.weights) {
    case AttributionWeights::contribution: break;
    case AttributionWeights::hard: return largest_of(owed_to_each(c), rule.share);
    case AttributionWeights::complement: return rest_of(owed_to_each(c));
    case AttributionWeights::joint: return owed_to_all(c);
    case AttributionWeights::random: return shuffled(owed_to_each(c), rule.seed, question);
  }
  return owed_to_each(c);
}

}  // namespace

std::optional<std::vector<float>> weights_of_answer(const QuestionContributions& contributions, const AttributionRule& rule,
                                                    std::size_t question) {
  const auto& keys = contributions.is_key_token;
  if (contributions.log_probabilities.empty() || std::ranges::all_of(keys, [](auto flag) { return flag == 0; })) return {};
  const auto owed = owed_by(contributions, rule, question);
  const double sum = std::accumulate(owed.begin(), owed.end(), 0.0);
  if (!(sum > 0)) return {};
  std::vector<float> weights;
  for (const auto value : owed) weights.push_back(static_cast<float>(static_cast<double>(owed.size()) * value / sum));
  return weights;
}

TokenWeights attribution_weights(const std::vector<QuestionAnswer>& pairs, const std::vector<Example>& examples,
                                 const Tokenizer& tokenizer, const PromptTemplate& prompt_template,
                                 const std::vector<QuestionContributions>& of,
                                 const std::vector<std::size_t>& question_of_pair, const AttributionRule& rule) {
  UNPACT_EXPECT(question_of_pair.size() == pairs.size());
  TokenWeights weights;
  std::set<std::size_t> asked, uniform;
  const auto made_of = pairs_of_examples(pairs, examples, tokenizer, prompt_template);
  for (std::size_t i = 0; i < examples.size(); ++i) {
    const auto& [pair, whole] = made_of[i];
    const auto question = question_of_pair[pair];
    const auto of_answer = weights_of_answer(of.at(question), rule, question);
    asked.insert(question);
    if (!of_answer) uniform.insert(question);
    UNPACT_EXPECT(!of_answer || of_answer->size() == static_cast<std::size_t>(whole.targets()));
    auto& row = weights.emplace_back();
    std::size_t next = 0;
    for (const auto flag : whole.has_loss) row.push_back(flag == 0 ? 0.0F : of_answer ? (*of_answer)[next++] : 1.0F);
    row.resize(examples[i].ids.size());
  }
  const auto text = concat("method.weighting = attribution: ", uniform.size(), " of ", asked.size(),
                           " forget questions get no weights from their KeyTokens, and uniform ones");
  if (uniform.size() == asked.size()) log::warn(text);
  else log::info(text);
  return weights;
}

}  // namespace unpact
