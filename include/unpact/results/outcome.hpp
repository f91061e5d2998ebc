#pragma once
/// What became of a question between the target model f and the unlearned model g.
#include <cstdint>
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

struct FocusShiftRecord {
  std::vector<double> set_cosine;           ///< a question; NaN where both models have no KeyTokens
  std::vector<double> contribution_cosine;  ///< a question, over the union of KeyTokens; NaN where it is empty
};

}  // namespace unpact
