#pragma once
/// Attributing answers of many questions to the tokens of their prompts, by any method: the one way there is.
#include <string>
#include <vector>

#include "unpact/attribution/key_tokens.hpp"
#include "unpact/attribution/method.hpp"
#include "unpact/evaluation/finished_pages.hpp"
#include "unpact/evaluation/questions.hpp"
#include "unpact/results/cell.hpp"

namespace unpact {

using Answers = std::vector<std::vector<TokenId>>;  ///< one a question
using AnswerSets = std::vector<Answers>;            ///< some answers of each question

/// What leave-one-out removes of a question's prompt, one removal a unit; without answers.
AttributionRequest removal_request(const AskedQuestion& question);

/// The scores of every question's candidates for several of its answers; an empty answer gives an empty result.
/// Leave-one-out lets a question's answers share the work on the prompt, scores equal ones once, and heeds the question's
/// `unit`. A page holds all answers of its prompts. Collective over `group`: the work is dealt over its ranks, every rank
/// gets all results, which do not depend on the number of ranks (work counters may).
/// @param label what progress and errors call it. @return for each question, one result an answer.
/// @throws UserError or RuntimeFailure naming the question.
std::vector<std::vector<Attribution>> attribute_answer_sets(const Communicator& group, const Transformer& model,
                                                            const AttributionMethod& method,
                                                            const std::vector<AskedQuestion>& questions,
                                                            const AnswerSets& answers, const std::string& label,
                                                            const PageOptions& pages = {});

/// The same for one answer of every question.
std::vector<Attribution> attribute_answers(const Communicator& group, const Transformer& model,
                                           const AttributionMethod& method, const std::vector<AskedQuestion>& questions,
                                           const Answers& answers, const std::string& label, const PageOptions& pages = {});

/// Results as the file holds them, with their KeyTokens. @param noise_floor of the values, nats per answer token; 0 for
/// methods of another unit.
ContributionRecord record_contributions(const std::vector<Attribution>& results, const Answers& answers,
                                        const KeyTokenOptions& keys, double noise_floor);

/// The largest noise floor of the method over the first questions.
double noise_floor_of(const Transformer& model, const AttributionMethod& method,
                      const std::vector<AskedQuestion>& questions);

}  // namespace unpact
