#pragma once
/// Questions that cannot be evaluated are refused before anything is asked or trained.
#include <cstddef>
#include <vector>

#include "unpact/data/dataset.hpp"
#include "unpact/evaluation/judge.hpp"
#include "unpact/evaluation/questions.hpp"

namespace unpact {

/// @throws UserError naming the first question that the judge cannot decide: one without choices where letters are
/// wanted, or one whose gold answer holds nothing to compare with.
/// @param limit that many questions of each set are asked, 0: all.
void check_questions(const JudgeOptions& judge, const Dataset& dataset, std::size_t limit);

/// The same for questions that are ready to be asked; and their gold answers as check_gold_answers().
void check_questions(const JudgeOptions& judge, const ModelConfig& config, const std::vector<AskedQuestion>& questions);

}  // namespace unpact
