#pragma once
/// How deep an answer is gone: states of another model in place of the target's, block by block.
///
/// Legend: P questions, L blocks.
#include <cstdint>
#include <vector>

namespace unpact {

/// By how much the answer's mean log-probability falls with a source's states behind a block, nats a token: P x L,
/// row-major; NaN where a question has no such tokens. Empty: not measured.
struct DepthDrops {
  std::vector<double> answer;      ///< at the positions that predict the answer
  std::vector<double> key_tokens;  ///< at the question's KeyTokens
  std::vector<double> others;      ///< at its other candidates
};

struct DepthRecord {
  std::vector<std::uint64_t> question;  ///< P: index of each question
  std::int64_t blocks = 0;              ///< L
  std::vector<double> log_probability;  ///< P: of the answer by the target itself
  DepthDrops floor, unlearned;
};

}  // namespace unpact
