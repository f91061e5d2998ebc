#include "unpact/evaluation/verify.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "unpact/core/error.hpp"

namespace unpact {
namespace {

/// Numbers first, first + stride, ... of the questions with an answer: `sample` of them, or all.
std::vector<std::size_t> chosen_questions(const std::vector<std::vector<TokenId>>& answers, std::size_t sample) {
  std::vector<std::size_t> able, chosen;
  for (std::size_t q = 0; q < answers.size(); ++q)
    if (!answers[q].empty()) able.push_back(q);
  const auto count = std::min(sample, able.size());
  for (std::size_t i = 0; i < count; ++i) chosen.push_back(able[i * able.size() / count]);
  return chosen;
}

Transformer in_float32(const Transformer& model) {
  auto weights = clone_weights(model.weights());
  for (auto& [name, tensor] : named_tensors(weights)) tensor.set_data(tensor.to(at::kFloat));
  return {model.config(), std::move(weights)};
}

}  // namespace

Verification verify_attributions(const Communicator& group, const Transformer& model, const std::vector<AskedQuestion>& questions,
                                 const std::vector<std::vector<TokenId>>& answers,
                                 const std::vector<std::vector<float>>& contributions, std::size_t sample) {
  UNPACT_EXPECT(questions.size() == answers.size() && questions.size() == contributions.size());
  const auto chosen = chosen_questions(answers, sample);
  Verification found;
  if (chosen.empty()) return found;
  std::optional<Transformer> exact;
  if (model.weights().embedding_VD.scalar_type() != at::kFloat) exact.emplace(in_float32(model));
  std::vector<AskedQuestion> asked;
  std::vector<std::vector<TokenId>> asked_answers;
  for (const auto q : chosen) {
    asked.push_back(questions[q]);
    asked_answers.push_back(answers[q]);
  }
  const auto expected = attribute_answers(group, exact ? *exact : model, ReferenceEngine(), asked, asked_answers, "verify");
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    const auto values = expected[i].contributions();
    UNPACT_EXPECT(values.size() == contributions[chosen[i]].size());
    for (std::size_t k = 0; k < values.size(); ++k) {
      const double difference = std::abs(static_cast<double>(values[k]) - contributions[chosen[i]][k]);
      if (difference <= found.largest_difference) continue;
      found.largest_difference = difference;
      found.worst_question = chosen[i];
    }
  }
  found.questions = chosen.size();
  return found;
}

}  // namespace unpact
