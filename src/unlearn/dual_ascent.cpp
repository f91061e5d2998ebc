#include "dual_ascent.hpp"

#include <algorithm>

namespace unpact {

CoefficientRule dual_ascent(const MethodOptions& method, const TrainOptions& options, std::int64_t forget_examples) {
  const auto warmup_examples = method.dual_warmup * forget_examples;
  return [method, warmup_examples, batch = options.batch_size](double coefficient, double loss, std::int64_t step) {
    if ((step - 1) * batch < warmup_examples) return coefficient;
    return std::max(0.0, coefficient + method.dual_rate * (loss - method.retain_limit));
  };
}

}  // namespace unpact
