#pragma once
/// Questions as a record.
#include <vector>

#include "unpact/evaluation/questions.hpp"
#include "unpact/results/question.hpp"

namespace unpact {

/// The questions as the file shows them.
QuestionRecord record_questions(const std::vector<AskedQuestion>& questions, const Tokenizer& tokenizer);

}  // namespace unpact
