#pragma once
#include <cstdint>

namespace unpact::kernels {

/// What becomes of a block's attention scores before their softmax; a window alone may stand for it.
struct ScoreRule {
  std::int64_t window = 0;  ///< positions that a query looks back over, itself included; 0: all
  double cap = 0;           ///< scores s become cap * tanh(s / cap) (Gemma Team, arXiv 2408.00118); 0: they stay
  ScoreRule(std::int64_t positions = 0, double most = 0) : window(positions), cap(most) {}
};

}  // namespace unpact::kernels
