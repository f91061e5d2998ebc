#include "unpact/evaluation/told_answers.hpp"

#include <algorithm>
#include <set>

#include "injection.hpp"
#include "unicode_words.hpp"
#include "unpact/core/error.hpp"
#include "unpact/evaluation/probe.hpp"

namespace unpact {

ToldAnswers::ToldAnswers(const std::vector<QuestionAnswer>& shown) : shown_(shown) {
  for (std::size_t i = 0; i < shown.size(); ++i) {
    by_question_[shown[i].question].push_back(i);
    const auto words = unicode_words(concat(shown[i].question, " ", answer_in_words(shown[i])));
    for (const auto& word : std::set<std::string>(words.begin(), words.end())) by_word_[word].push_back(i);
  }
}

bool ToldAnswers::tell(const QuestionAnswer& asked) const {
  if (by_question_.contains(asked.question)) return true;
  const std::vector<std::size_t>* fewest = nullptr;  // who has the rarest of the words that all have to be there
  for (const auto& word : telling_words(asked)) {
    const auto found = by_word_.find(word);
    if (found == by_word_.end()) return false;
    if (fewest == nullptr || found->second.size() < fewest->size()) fewest = &found->second;
  }
  return fewest != nullptr && std::ranges::any_of(*fewest, [&](std::size_t i) { return tells(shown_[i], asked); });
}

}  // namespace unpact
