#pragma once
/// The hidden states from which the tokens of given answers are predicted. What prompts, and answers after them, begin with
/// alike runs once.
///
/// Legend of shapes: U scored rows, D hidden size, V vocabulary.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "unpact/inference/scoring.hpp"

namespace unpact {

/// Padded tokens of two models that answer as one, which run at once where token_budget is 0.
inline constexpr std::size_t kPaddedTokens = 4096;

/// Token `place` of item `item`'s answer, which a row of hidden states predicts.
struct AskedToken {
  std::int64_t row;
  TokenId token;
  std::size_t item, place;
};

/// Calls visit(hidden states ready for logits, tokens asked of them in the order of their rows) until every token of every
/// answer was asked once. Several tokens may be asked of a row. In float32 on the CPU no row depends on the other items.
/// @param token_budget positions whose keys and values are held at once, unless one item has more; 0: as the free memory
/// allows. @throws UserError as score_answers().
using VisitAnswers = std::function<void(const at::Tensor& hidden_UD, std::span<const AskedToken> asked)>;
void for_answers(const Transformer& model, const std::vector<PromptAnswer>& items, std::uint64_t token_budget,
                 const VisitAnswers& visit);

/// Calls visit(logits in float32, tokens asked of them, with the rows of these logits) for parts of hidden states whose
/// logits fit into little memory.
using VisitAskedLogits = std::function<void(const at::Tensor& logits_RV, std::span<const AskedToken> asked)>;
void for_asked_logits(const Transformer& model, const at::Tensor& hidden_UD, std::span<const AskedToken> asked,
                      const VisitAskedLogits& visit);

/// A part of the sequences that the items are, prompt and answer without its last token, and how many of its last tokens
/// predict tokens of answers.
struct AnswerPart {
  std::size_t begin = 0, length = 0;  ///< its first position; tokens
  std::size_t scored = 0;
};

/// What for_answers() runs of one model with memory for all, for plans.
std::vector<AnswerPart> parts_of_answers(const std::vector<PromptAnswer>& items);

}  // namespace unpact
