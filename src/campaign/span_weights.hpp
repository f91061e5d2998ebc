#pragma once
/// Token weights from what a right answer names: the spans that claim 3 of the study would have a loss punish, known from the data
/// instead of found (an oracle for every weighting that has to find them).
#include <vector>

#include "unpact/data/dataset.hpp"
#include "unpact/data/examples.hpp"
#include "unpact/text/prompt.hpp"
#include "unpact/text/tokenizer.hpp"
#include "unpact/unlearn/token_weighting.hpp"

namespace unpact {

/// 1 for every target that holds a part of an occurrence of one of the question's entities in its answer, `outside` for every other
/// one, the end behind the answer included.
/// @param examples made of some of `pairs` by make_question_example(), in their order; what a context cut off is left out.
/// @throws UserError naming file and entry: a question without entities, an entity that its answer does not hold.
TokenWeights span_weights(const std::vector<QuestionAnswer>& pairs, const std::vector<Example>& examples,
                          const Tokenizer& tokenizer, const PromptTemplate& prompt_template, double outside);

}  // namespace unpact
