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

struct SpanRule {
  double outside = 0;            ///< weight of the targets that hold nothing of an entity
  std::size_t first_tokens = 0;  ///< of each occurrence that count; 0: all (PALU's onset: 3 to 5, arXiv 2601.03190)
};

/// 1 for every target that holds a part of an occurrence of one of the question's entities in its answer, rule.outside for every other
/// one, the end behind the answer included.
/// @param examples made of some of `pairs` by make_question_example(), in their order; what a context cut off is left out.
/// @throws UserError naming file and entry: a question without entities, an entity that its answer does not hold.
TokenWeights span_weights(const std::vector<QuestionAnswer>& pairs, const std::vector<Example>& examples,
                          const Tokenizer& tokenizer, const PromptTemplate& prompt_template, const SpanRule& rule);

}  // namespace unpact
