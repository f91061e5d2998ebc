#pragma once
/// Attributions checked against their definition: a sample of questions once more, by the reference engine in float32. What
/// engine and dtype in use cost is seen in contributions and in verdicts on KeyTokens.
#include <optional>
#include <string>
#include <vector>

#include "unpact/attribution/key_tokens.hpp"
#include "unpact/attribution/leave_one_out.hpp"
#include "unpact/evaluation/questions.hpp"
#include "unpact/results/verification.hpp"

namespace unpact {

/// Checks `sample` of the questions that have an answer, spread evenly. Copies the weights (of both models, where two
/// answer together) if they are not float32 already, to the CPU where the device has no room for them. Collective over `group`, the same result on every rank.
/// @param made_by the engine that the contributions come from. @param contributions one vector a question.
/// @param keys floors of the verdicts. @param name what log and result call the model. @return none where there is nothing to compare, which the log says: no
/// question has an answer, or the contributions come from the reference engine in float32 already.
std::optional<VerificationRecord> verify_attributions(const Communicator& group, const Transformer& model,
                                                      const LeaveOneOutEngine& made_by,
                                                      const std::vector<AskedQuestion>& questions,
                                                      const std::vector<std::vector<TokenId>>& answers,
                                                      const std::vector<std::vector<float>>& contributions,
                                                      const KeyTokenOptions& keys, std::size_t sample,
                                                      const std::string& name);

/// What was found, in words.
std::string describe_verification(const VerificationRecord& found, const std::vector<AskedQuestion>& questions);

}  // namespace unpact
