#pragma once
/// How far equal evaluations differ.
#include <vector>

#include "unpact/evaluation/questions.hpp"

namespace unpact {

/// The largest change of LP between equal evaluations of the first questions, nats per answer token.
double noise_floor_of(const Transformer& model, const std::vector<AskedQuestion>& questions);

}  // namespace unpact
