#include "phrased_questions.hpp"

#include <algorithm>
#include <sstream>

#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"
#include "unpact/evaluation/phrasings.hpp"

namespace unpact {

PhrasedQuestions phrased_questions(const std::vector<QuestionAnswer>& questions, const std::vector<std::string>& phrasings,
                                   const std::vector<std::vector<std::string>>& key_words) {
  UNPACT_EXPECT(phrasings.empty() || key_words.size() == questions.size());
  PhrasedQuestions phrased;
  for (std::size_t q = 0; q < questions.size(); ++q) phrased.pairs.push_back(questions[q]), phrased.question_of.push_back(q);
  for (const auto& phrasing : phrasings) {
    for (std::size_t q = 0; q < questions.size(); ++q) {
      if (key_words[q].empty()) continue;
      auto& pair = phrased.pairs.emplace_back(questions[q]);
      pair.question = fill_phrasing(phrasing, questions[q].question, key_words[q]);
      phrased.question_of.push_back(q);
    }
  }
  return phrased;
}

std::vector<std::vector<std::string>> words_to_phrase(const std::vector<QuestionContributions>& contributions,
                                                      const std::string& set) {
  std::vector<std::vector<std::string>> words;
  for (const auto& question : contributions) words.push_back(question.key_words);
  const auto without = std::ranges::count_if(words, [](const auto& list) { return list.empty(); });
  UNPACT_VALIDATE(words.empty() || without < static_cast<std::ptrdiff_t>(words.size()),
                  concat("no question of the ", set, " set has KeyTokens"),
                  "unlearn.phrased trains questions in phrasings that name them",
                  "lower attribution.beta, or set unlearn.phrased = 0");
  log::info(concat("unlearn.phrased: ", without, " of ", words.size(), " questions of the ", set,
                   " set have no KeyTokens and are trained in their plain form alone"));
  return words;
}

std::vector<std::vector<std::string>> words_at_most(const std::vector<QuestionAnswer>& questions) {
  std::vector<std::vector<std::string>> words;
  for (const auto& pair : questions) {
    std::istringstream in(pair.question);
    auto& list = words.emplace_back();
    for (std::string word; in >> word;) list.push_back(word);
  }
  return words;
}

}  // namespace unpact
