#pragma once
#include <cstdint>

#include "unpact/model/transformer.hpp"

namespace unpact::bench {

/// Log-probabilities of all targets of two sets, questions (8 to 64 tokens) and texts (64 to 512), by the passes of
/// FrozenRows, packed by length, and by those before: consecutive examples, padded, 8192 tokens a pass. Prints one JSON
/// object a set: CPU seconds of both, their ratio, and the largest difference of a log-probability.
void measure_fill(const Transformer& model, std::int64_t rounds);

}  // namespace unpact::bench
