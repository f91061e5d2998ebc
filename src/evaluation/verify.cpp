#include "verify.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "unpact/attribution/method.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"
#include "unpact/evaluation/attribute_questions.hpp"

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

bool is_float32(const Transformer& model) {
  return model.weights().embedding_VD.scalar_type() == at::kFloat &&
         (model.reinforced() == nullptr || is_float32(*model.reinforced()));
}

Transformer in_float32(const Transformer& model) {
  auto weights = clone_weights(model.weights());
  for (auto& [name, tensor] : named_tensors(weights)) tensor.set_data(tensor.to(at::kFloat));
  Transformer copy(model.config(), std::move(weights));
  if (const auto* second = model.reinforced())
    copy.contrast_with(std::make_shared<const Transformer>(in_float32(*second)), model.contrast_scale());
  return copy;
}

/// The largest difference between contributions of the chosen questions, and the question that has it.
void compare(const std::vector<Attribution>& expected, const std::vector<std::size_t>& chosen,
             const std::vector<std::vector<float>>& contributions, VerificationRecord& found) {
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    const auto& values = expected[i].values;
    UNPACT_EXPECT(values.size() == contributions[chosen[i]].size());
    for (std::size_t k = 0; k < values.size(); ++k) {
      const double difference = std::abs(static_cast<double>(values[k]) - contributions[chosen[i]][k]);
      if (difference <= found.largest_difference) continue;
      found.largest_difference = difference;
      found.worst_question = chosen[i];
    }
  }
}

}  // namespace

std::optional<VerificationRecord> verify_attributions(const Communicator& group, const Transformer& model,
                                                      const LeaveOneOutEngine& made_by,
                                                      const std::vector<AskedQuestion>& questions,
                                                      const std::vector<std::vector<TokenId>>& answers,
                                                      const std::vector<std::vector<float>>& contributions,
                                                      std::size_t sample, const std::string& name) {
  UNPACT_EXPECT(questions.size() == answers.size() && questions.size() == contributions.size());
  const auto nothing = [&](const char* why) {
    log::info(concat(name, ": not verified, ", why));
    return std::nullopt;
  };
  if (made_by.is_reference_for(model) && is_float32(model))
    return nothing("its contributions come from the reference engine in float32 already");
  const auto chosen = chosen_questions(answers, sample);
  if (chosen.empty()) return nothing("no question has an answer that could be");
  std::optional<Transformer> exact;
  if (!is_float32(model)) exact.emplace(in_float32(model));
  std::vector<AskedQuestion> asked;
  std::vector<std::vector<TokenId>> asked_answers;
  for (const auto q : chosen) {
    asked.push_back(questions[q]);
    asked_answers.push_back(answers[q]);
  }
  const auto definition = make_leave_one_out(std::make_unique<ReferenceEngine>());
  VerificationRecord found{name, chosen.size(), 0, 0};
  compare(attribute_answers(group, exact ? *exact : model, *definition, asked, asked_answers, "verify"), chosen,
          contributions, found);
  log::info(concat(name, ": ", describe_verification(found, questions)));
  return found;
}

std::string describe_verification(const VerificationRecord& found, const std::vector<AskedQuestion>& questions) {
  return concat(found.questions, " question(s) attributed once more in float32 by the definition: largest difference ",
                found.largest_difference, " nats per answer token, at ", name_of_question(questions, found.worst_question));
}

}  // namespace unpact
