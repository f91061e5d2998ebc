#pragma once
/// Which question each example of a training was made of.
#include <cstddef>
#include <vector>

#include "unpact/data/dataset.hpp"
#include "unpact/data/examples.hpp"
#include "unpact/text/prompt.hpp"
#include "unpact/text/tokenizer.hpp"

namespace unpact {

struct MadeOf {
  std::size_t pair = 0;
  Example whole;  ///< before a context cut it, with loss on the answer and the end
};

/// @param examples made of some of `pairs` by make_question_example(), in their order; a context may have left questions
/// out, or cut them off at the end. One an example.
std::vector<MadeOf> pairs_of_examples(const std::vector<QuestionAnswer>& pairs, const std::vector<Example>& examples,
                                      const Tokenizer& tokenizer, const PromptTemplate& prompt_template);

}  // namespace unpact
