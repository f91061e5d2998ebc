#pragma once
/// Questions and the context of the model that is asked.
#include <cstdint>
#include <vector>

#include "unpact/checkpoint/config.hpp"
#include "unpact/evaluation/questions.hpp"

namespace unpact {

/// Tokens of a question's prompt with what follows: its gold answer, or the longest that the model may write.
std::size_t tokens_of(const AskedQuestion& question, std::int64_t new_tokens);

/// Makes every question fit the model. @param new_tokens that an answer may have (1: a letter). @param skip_long leaves out
/// those that do not fit, and says in the log how many. @return how many were left out.
/// @throws UserError naming file and entry of the first that does not fit, without skip_long; also where none is left of a set.
std::size_t fit_questions(std::vector<AskedQuestion>& questions, const ModelConfig& config, std::int64_t new_tokens,
                          bool skip_long);

}  // namespace unpact
