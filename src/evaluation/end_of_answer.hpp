#pragma once
/// The end token as one more column of the (n+1) x T log-probabilities: what an answer's end owes to each prompt token.
/// Contributions are means over the answer's own tokens and do not see it; weights of a loss need it, for training ends
/// answers, too.
#include <optional>
#include <vector>

#include "unpact/evaluation/attribute_questions.hpp"
#include "unpact/model/language_model.hpp"

namespace unpact {

/// The token that ends answers; none: the tokenizer has none, or the model does not know it.
std::optional<TokenId> end_of_answers(const LanguageModel& model);

/// The answers with the end behind them; those that are empty, or would not fit the model's context, as they are.
Answers with_end(const LanguageModel& model, const std::vector<AskedQuestion>& questions, Answers answers);

/// Takes the last column off the matrix, and the end out of contributions and mean. @return the column: n+1 numbers, none
/// where the answer of `answer_tokens` tokens was scored without an end.
std::vector<float> take_end(Attribution& result, std::size_t answer_tokens);

}  // namespace unpact
