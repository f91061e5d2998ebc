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

/// Which half of its set a question is in. The numbers are those of the results format.
enum class Half : std::uint8_t {
  whole = 0,     ///< the set has no halves (as the forget set)
  trained = 1,   ///< the retain term of the loss may have trained on it
  held_out = 2,  ///< no loss has seen it: these decide what was destroyed
};

struct QuestionRecord {
  std::vector<std::uint8_t> split;                 ///< Q, a Split
  std::vector<std::uint8_t> half;                  ///< Q, a Half; empty (files before 1.7): all whole
  std::vector<std::string> question, gold_answer;  ///< Q
  std::vector<std::string> prompt;                 ///< Q, the text with its template
  Ragged<std::int32_t> token_ids;                  ///< Q x N
  Ragged<std::uint8_t> is_candidate;               ///< Q x N
  std::vector<std::string> pieces;                 ///< one a value of token_ids
};

}  // namespace unpact
