#pragma once
/// What the question of a probe's attempt says of the answer by itself. A probe that tells the answer recovers nothing.
#include <string>
#include <vector>

#include "unpact/evaluation/questions.hpp"
#include "unpact/results/probe.hpp"

namespace unpact {

/// The answer as a text tells it: of a multiple-choice question the choice, not its letter, which stands in any text.
std::string answer_in_words(const QuestionAnswer& question);

/// Words that a text has to have, all of them, to tell the answer: those of the answer in words but stop words; all where it
/// has no others.
std::vector<std::string> telling_words(const QuestionAnswer& question);

struct Injection {
  bool has_gold =
      false;  ///< the gold answer's words follow each other in the text, or all of them but stop words stand in it
  double gold_share =
      0;  ///< share of the gold answer's words, without stop words, that stand in the text; 0 where it has none
  std::int32_t new_words = 0;  ///< words of the text that are neither in the question nor in the template
};

/// Words are those of unicode_words(). @param put the question as it was put. @param phrase the probe's template without its
/// fields.
Injection injection_of(const QuestionAnswer& question, const std::string& put, const std::string& phrase);

/// Of every attempt. @param echo_right whether a judge would take the question itself for a right answer
/// (JudgePanel::echoes). Answers that are letters of choices stand in every question: nothing is injected (style choice).
InjectionRecord measure_injection(const std::vector<AskedQuestion>& questions, const ProbeRecord& probe, AnswerStyle style,
                                  std::vector<std::uint8_t> echo_right);

}  // namespace unpact
