#pragma once
/// Questions that are trained in other words, too: those in which FocusOnKey asks them (unlearn.phrased).
#include <cstddef>
#include <string>
#include <vector>

#include "unpact/campaign/question_contributions.hpp"
#include "unpact/data/dataset.hpp"

namespace unpact {

struct PhrasedQuestions {
  std::vector<QuestionAnswer> pairs;     ///< all in their plain form, then those with KeyTokens in each phrasing
  std::vector<std::size_t> question_of;  ///< of each pair: which of the plain questions it puts
};

/// @param key_words of each question; one without any stays in its plain form alone. No phrasings: the questions as they
/// are.
PhrasedQuestions phrased_questions(const std::vector<QuestionAnswer>& questions, const std::vector<std::string>& phrasings,
                                   const std::vector<std::vector<std::string>>& key_words);

/// The key words of every question, and a word in the log on how many there are none of.
/// @throws UserError where no question of a set that is not empty has any. @param set forget or retain.
std::vector<std::vector<std::string>> words_to_phrase(const std::vector<QuestionContributions>& contributions,
                                                      const std::string& set);

/// Before there are contributions: every word of each question, so that no phrased example will be longer than these.
std::vector<std::vector<std::string>> words_at_most(const std::vector<QuestionAnswer>& questions);

}  // namespace unpact
