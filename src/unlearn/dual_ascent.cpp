#include "dual_ascent.hpp"

#include <algorithm>

namespace unpact {

CoefficientRule dual_ascent(const MethodOptions& method, const TrainOptions& options, std::int64_t forget_examples) {
  const auto warmup_examples = method.dual_warmup * forget_examples;
  return [=](double coefficient, double loss, std::int64_t step) {
    if (first_position(options, forget_examples, step - 1) < warmup_examples) return coefficient;
    return std::max(0.0, coefficient + method.dual_rate * (loss - method.retain_limit));
  };
}

}  // namespace unpact
