#pragma once
/// A frozen model beside one that trains.
#include "unpact/core/thread_scope.hpp"

namespace unpact {

/// While one exists on this thread, a pass without gradients takes the kernels of one with them: a frozen model gives the bits
/// of a model that trains from the same weights, and a loss that compares the two begins at nothing. (Without it, attention
/// may use a kernel that is faster on short sequences.)
using TrainingBits = ThreadScope<struct TrainingBitsTag>;

}  // namespace unpact
