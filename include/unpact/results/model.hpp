#pragma once
/// What one model answered, and what its answers rest on.
#include <cstdint>
#include <string>
#include <vector>

#include "unpact/results/contribution.hpp"
#include "unpact/results/thought.hpp"

namespace unpact {

/// One model's answers and contributions; Q questions.
struct ModelRecord {
  std::vector<std::string> answer;     ///< Q, greedy
  std::vector<double> score;           ///< Q, the judge's score
  std::vector<std::uint8_t> is_right;  ///< Q
  ContributionRecord gold, own;        ///< to the gold answer, to the model's own answer
  ThoughtRecord thought;               ///< of a model that thinks before it answers
};

}  // namespace unpact
