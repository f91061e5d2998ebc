#pragma once
/// Attributions checked against their definition: a sample of questions once more, by the reference engine in float32.
#include <cstdint>
#include <vector>

#include "unpact/evaluation/questions.hpp"

namespace unpact {

struct Verification {
  std::uint64_t questions = 0;   ///< checked
  double largest_difference = 0; ///< of a contribution, nats per answer token
  std::size_t worst_question = 0;
};

/// Checks `sample` of the questions that have an answer, spread evenly. Copies the weights if they are not float32
/// already. Collective over `group`, the same result on every rank. @param contributions one vector a question.
Verification verify_attributions(const Communicator& group, const Transformer& model, const std::vector<AskedQuestion>& questions,
                                 const std::vector<std::vector<TokenId>>& answers,
                                 const std::vector<std::vector<float>>& contributions, std::size_t sample);

}  // namespace unpact
