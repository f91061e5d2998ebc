#pragma once
/// Attributing one answer of every question, by any method.
#include <string>
#include <vector>

#include "unpact/attribution/method.hpp"
#include "unpact/evaluation/finished_pages.hpp"
#include "unpact/evaluation/questions.hpp"

namespace unpact {

/// What attribute_questions keeps on the disk, and what it is called there; none: nothing.
struct PageOptions {
  FinishedPages* pages = nullptr;
  std::string stage;
  std::size_t save_every = 64;  ///< prompts of a page
};

/// The scores of every question's candidates for one answer; an empty answer gives an empty result. Collective over
/// `group`: prompts are dealt over its ranks, every rank gets all results, which do not depend on the number of ranks.
/// @param label what progress calls it.
std::vector<Attribution> attribute_questions(const Communicator& group, const Transformer& model, const AttributionMethod& method,
                                             const std::vector<AskedQuestion>& questions, const std::vector<std::vector<TokenId>>& answers,
                                             const std::string& label, const PageOptions& pages);

/// The same for several answers of every question; leave-one-out lets them share the work on the prompt. A page holds all
/// answers of its prompts. @return for each question, one result an answer.
std::vector<std::vector<Attribution>> attribute_answer_sets(const Communicator& group, const Transformer& model,
                                                            const AttributionMethod& method,
                                                            const std::vector<AskedQuestion>& questions,
                                                            const std::vector<std::vector<std::vector<TokenId>>>& answers,
                                                            const std::string& label, const PageOptions& pages);

}  // namespace unpact
