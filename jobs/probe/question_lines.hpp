#pragma once
/// JSON lines of questions and of attempts on them, as probe.file reads them (docs/probes.md).
#include <string>
#include <vector>

#include "unpact/data/dataset.hpp"
#include "unpact/evaluation/write_attempts.hpp"
#include "unpact/results/cell.hpp"

namespace unpact {

/// A line a question, with its hash and an empty prompt for an attacker to fill in.
std::string question_lines(const std::vector<QuestionAnswer>& questions);

/// The same of a cell's forget questions, with the KeyTokens of the target, what both models answered and every attempt that
/// probes made.
std::string question_lines(const CellRecord& cell);

/// A line an attempt, of the probe `paraphrase`. @param made_by the model that wrote them.
std::string attempt_lines(const std::vector<QuestionAnswer>& questions, const WrittenAttempts& written,
                          const std::string& made_by);

}  // namespace unpact
