#include "pairs_of_examples.hpp"

#include <algorithm>
#include <utility>

#include "unpact/core/error.hpp"

namespace unpact {

std::vector<MadeOf> pairs_of_examples(const std::vector<QuestionAnswer>& pairs, const std::vector<Example>& examples,
                                      const Tokenizer& tokenizer, const PromptTemplate& prompt_template) {
  std::vector<MadeOf> made;
  std::size_t next = 0;
  for (const auto& example : examples) {
    for (;; ++next) {
      UNPACT_EXPECT(next < pairs.size());
      auto whole = make_question_example(tokenizer, prompt_template, pairs[next], LossOn::answer);
      if (whole.source != example.source || whole.ids.size() < example.ids.size() ||
          !std::equal(example.ids.begin(), example.ids.end(), whole.ids.begin()))
        continue;
      made.push_back({next++, std::move(whole)});
      break;
    }
  }
  return made;
}

}  // namespace unpact
