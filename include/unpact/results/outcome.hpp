#pragma once
/// What became of a question between the target model f and the unlearned model g.
#include <cstdint>
#include <string>
#include <vector>

namespace unpact {

/// The numbers are those of the results format and must not change.
enum class Outcome : std::uint8_t {
  unknown = 0,    ///< f wrong, so nothing can be said about g (either set)
  retained = 1,   ///< forget set: f right, g right
  forgotten = 2,  ///< forget set: f right, g wrong
  kept = 3,       ///< retain set: f right, g right
  destroyed = 4,  ///< retain set: f right, g wrong
};

/// What is left of what the target knew of the forget set. The numbers are those of the results format.
enum class Knowledge : std::uint8_t {
  retain = 0,       ///< a question of the retain set
  unknown = 1,      ///< f wrong
  still_right = 2,  ///< g right without help
  recovered = 3,    ///< g right in some attempt of the probe set
  gone = 4,         ///< in none
};

/// Of each question, for a stated set of probes and number of attempts.
struct KnowledgeRecord {
  std::vector<std::uint8_t> state;  ///< Q, a Knowledge; empty: a file before 1.7
  std::vector<std::string> probes;  ///< names of the probe set: all but controls
  std::int64_t attempts = 0;        ///< m of each
};

struct FocusShiftRecord {
  std::vector<double> set_cosine;           ///< a question; NaN where both models have no KeyTokens
  std::vector<double> contribution_cosine;  ///< a question, over the union of KeyTokens; NaN where it is empty
};

}  // namespace unpact
