#pragma once
/// Low-rank adapters (LoRA, Hu et al., arXiv 2106.09685): beside a projection's weight W stands (alpha / rank) B A, with A
/// (rank, inputs) and B (outputs, rank), which train while W stays as it is.
#include <cstdint>
#include <string>
#include <vector>

namespace unpact {

struct AdapterShape {
  std::int64_t rank = 0;  ///< 0: there are none
  double alpha = 16;
  std::vector<std::string> targets;  ///< the projections that have one, e.g. "q_proj" (kProjectedNames)

  bool any() const { return rank > 0; }
  double scale() const { return alpha / static_cast<double>(rank); }
};

}  // namespace unpact
