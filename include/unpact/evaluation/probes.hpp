#pragma once
/// Probes that try to win forgotten answers back, with equal budgets of attempts.
#include <string>
#include <vector>

#include "unpact/evaluation/questions.hpp"

namespace unpact {

/// How a phrase names the KeyTokens: `{question}` and `{keys}` are filled in. The first is the study's own wording; the
/// others are ours.
const std::vector<std::string>& default_phrasings();

/// @throws UserError for a phrasing without {question} or {keys}.
void check_phrasings(const std::vector<std::string>& phrasings);

/// The phrasing with its question and key words, the latter joined by ", ".
std::string fill_phrasing(const std::string& phrasing, const std::string& question, const std::vector<std::string>& keys);

/// One probe's attempts: `attempts` answers for each probed question.
struct ProbeResult {
  std::string name;
  std::vector<std::string> attempt_labels;              ///< m
  std::vector<std::size_t> questions;                   ///< P: indices of the probed questions
  std::vector<std::string> answers;                     ///< P x m, row-major; empty where no attempt was possible
};

/// FocusOnKey: the question with a phrase that names its key words, one greedy answer a phrasing. A question without
/// key words cannot be emphasised: its attempts are empty answers, which no judge finds right.
/// In-context examples stay in front, choices behind. @param keys one list a question of `questions`. @param style choice:
/// the likeliest letter instead of a greedy text. Collective over `group`.
ProbeResult focus_on_key(const Communicator& group, const LanguageModel& model, const std::vector<AskedQuestion>& questions,
                         const std::vector<std::size_t>& probed, const std::vector<std::vector<std::string>>& keys,
                         const std::vector<std::string>& phrasings, const GenerationOptions& options, AnswerStyle style = AnswerStyle::text);

/// Probab: the plain prompt, `samples` multinomial answers (style choice: letters drawn from the letters' probabilities).
/// Sampling depends on seed, question and sample alone.
/// Collective over `group`.
ProbeResult probab(const Communicator& group, const LanguageModel& model, const std::vector<AskedQuestion>& questions,
                   const std::vector<std::size_t>& probed, std::size_t samples, GenerationOptions options, AnswerStyle style = AnswerStyle::text);

/// The words behind a question's KeyTokens.
std::vector<std::string> key_words(const AskedQuestion& question, const std::vector<std::uint8_t>& is_key_token);

}  // namespace unpact
