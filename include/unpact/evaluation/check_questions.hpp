#pragma once
/// Questions that cannot be evaluated are refused before anything is asked or trained.
#include <cstddef>
#include <vector>

#include "unpact/data/dataset.hpp"
#include "unpact/evaluation/judge.hpp"
#include "unpact/evaluation/questions.hpp"

namespace unpact {

/// @throws UserError naming the questions that the judge cannot decide: the first without choices where letters are
/// wanted, or all whose gold answers hold nothing to compare with, with their number (ten by name). Gold answers with
/// words that the judge overlooks are said in one warning, by rank 0.
/// @param limit that many questions of each set are asked, 0: all.
void check_questions(const JudgeOptions& judge, const Dataset& dataset, std::size_t limit);

/// The same for questions that are ready to be asked; and their gold answers as check_gold_answers().
void check_questions(const JudgeOptions& judge, const ModelConfig& config, const std::vector<AskedQuestion>& questions);

}  // namespace unpact
