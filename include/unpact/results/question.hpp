#pragma once
/// The questions of a cell and their prompts, the same for both models.
///
/// Legend: Q = questions (forget first, then retain), N = prompt tokens.
#include <cstdint>
#include <string>
#include <vector>

#include "unpact/results/ragged.hpp"

namespace unpact {

enum class Split : std::uint8_t { forget = 0, retain = 1 };

struct QuestionRecord {
  std::vector<std::uint8_t> split;                 ///< Q, a Split
  std::vector<std::string> question, gold_answer;  ///< Q
  std::vector<std::string> prompt;                 ///< Q, the text with its template
  Ragged<std::int32_t> token_ids;                  ///< Q x N
  Ragged<std::uint8_t> is_candidate;               ///< Q x N
  std::vector<std::string> pieces;                 ///< one a value of token_ids
};

}  // namespace unpact
