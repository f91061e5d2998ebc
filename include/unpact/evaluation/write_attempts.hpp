#pragma once
/// Attempts that a model writes: questions in other words, for probe.file.
#include <cstddef>
#include <string>
#include <vector>

#include "unpact/comm/communicator.hpp"
#include "unpact/data/dataset.hpp"
#include "unpact/inference/generation.hpp"
#include "unpact/model/language_model.hpp"

namespace unpact {

struct AttemptsToWrite {
  std::vector<std::string> instructions;  ///< with {question}; attempt a has number a modulo their number
  std::size_t attempts = 5;               ///< of a question
  GenerationOptions generation;           ///< drawn where it samples
};

struct AttemptLine {
  std::size_t question = 0;
  std::string attempt, prompt;  ///< its name among the question's, and the text that asks
};

struct WrittenAttempts {
  std::vector<AttemptLine> lines;
  std::size_t empty = 0;    ///< the model said nothing
  std::size_t equal = 0;    ///< the question itself, or another attempt on it
  std::size_t telling = 0;  ///< the right answer stands in it
};

/// Ours.
const std::vector<std::string>& default_instructions();

/// @throws UserError for none, one without {question} and one with another field.
void check_instructions(const std::vector<std::string>& instructions);

/// What a model wrote as one question: its first line with text, without a number, a bullet or quotation marks around it.
std::string question_in(const std::string& written);

/// One text an attempt, by the model's own prompt template; those that cannot be used are counted and left out. Collective
/// over `group`, the same on every rank for any number of ranks. @throws UserError naming the model's folder where it says
/// nothing at all.
WrittenAttempts write_attempts(const Communicator& group, const LanguageModel& model,
                               const std::vector<QuestionAnswer>& questions, const AttemptsToWrite& options);

}  // namespace unpact
