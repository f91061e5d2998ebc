#include "verify.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "unpact/attribution/method.hpp"
#include "unpact/comm/memory.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"
#include "unpact/evaluation/attribute_questions.hpp"
#include "unpact/kernels/tf32_products.hpp"
#include "unpact/model/remote_model.hpp"
#include "unpact/model/sharded_replica.hpp"
#include "unpact/model/language_model.hpp"

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

bool has_float32(const Transformer& model) {
  return model.weights().embedding_VD.scalar_type() == at::kFloat &&
         (model.reinforced() == nullptr || has_float32(*model.reinforced()));
}

/// Where a copy in float32 fits: beside the model, or else in host memory.
c10::Device place_of_copy(const Transformer& model) {
  const double models = model.reinforced() == nullptr ? 1 : 2, spare = 0.1;  // for activations
  const auto bytes = 4.0 * static_cast<double>(model.config().parameter_count()) * models;
  const bool fits = bytes * (1 + spare) <= static_cast<double>(available_memory(model.device()));
  return fits ? model.device() : c10::Device(c10::kCPU);
}

/// The largest difference between contributions of the chosen questions, the question that has it, and turned verdicts.
void compare(const std::vector<Attribution>& expected, const std::vector<std::size_t>& chosen,
             const std::vector<std::vector<float>>& contributions, const KeyTokenOptions& keys, VerificationRecord& found) {
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    const auto &values = expected[i].values, &made = contributions[chosen[i]];
    UNPACT_EXPECT(values.size() == made.size());
    const auto verdicts = find_key_tokens(values, keys), made_verdicts = find_key_tokens(made, keys);
    found.candidates += values.size();
    for (std::size_t k = 0; k < values.size(); ++k) {
      if (verdicts[k] != made_verdicts[k]) ++found.turned;
      const double difference = std::abs(static_cast<double>(values[k]) - made[k]);
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
                                                      const KeyTokenOptions& keys, std::size_t sample,
                                                      const std::string& name) {
  UNPACT_EXPECT(questions.size() == answers.size() && questions.size() == contributions.size());
  const auto nothing = [&](const char* why) {
    log::info(concat(name, ": not verified, ", why));
    return std::nullopt;
  };
  if (remote_of(model) != nullptr) return nothing("its weights are behind an endpoint, and nobody here can run them");
  if (made_by.is_reference_for(model) && has_float32(model) && !kernels::Tf32Products::are_on())
    return nothing("its contributions come from the reference engine in float32 already");
  const auto chosen = chosen_questions(answers, sample);
  if (chosen.empty()) return nothing("no question has an answer that could be");
  const kernels::Tf32Products products(false);
  const auto exact = has_float32(model)  ? model
                     : is_sharded(model) ? sharded_in(group, model, at::kFloat)
                                         : converted(model, at::kFloat, place_of_copy(model));
  std::vector<AskedQuestion> asked;
  std::vector<std::vector<TokenId>> asked_answers;
  for (const auto q : chosen) {
    asked.push_back(questions[q]);
    asked_answers.push_back(answers[q]);
  }
  const auto definition = make_leave_one_out(std::make_unique<ReferenceEngine>());
  VerificationRecord found{.model = name, .questions = chosen.size()};
  compare(attribute_answers(group, exact, *definition, asked, asked_answers, "verify"), chosen, contributions, keys, found);
  log::info(concat(name, ": ", describe_verification(found, questions)));
  return found;
}

std::string describe_verification(const VerificationRecord& found, const std::vector<AskedQuestion>& questions) {
  return concat(found.questions, " question(s) attributed once more in float32 by the definition: largest difference ",
                found.largest_difference, " nats per answer token, at ", name_of_question(questions, found.worst_question),
                "; ", found.turned, " of ", found.candidates, " KeyToken verdicts turn");
}

}  // namespace unpact
