#pragma once
/// PDU's dual variable as the rule of a coefficient.
#include "unpact/train/trainer.hpp"
#include "unpact/unlearn/method_options.hpp"

namespace unpact {

/// lambda := max(0, lambda + eta (retain loss - epsilon)) after every step that comes after the warm-up
/// (Entesari et al., arXiv 2506.05314).
CoefficientRule dual_ascent(const MethodOptions& method, const TrainOptions& options, std::int64_t forget_examples);

}  // namespace unpact
