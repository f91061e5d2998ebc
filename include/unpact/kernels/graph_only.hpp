#pragma once
/// A block that runs again in the backward pass runs for its graph: nobody reads its output's value.
#include "unpact/core/thread_scope.hpp"

namespace unpact {

/// While one exists on this thread, the last product of a block may be left out: outputs of Transformer's blocks then have
/// the right graph and shape, and no meaningful value. Gradients are those of a full pass, bit for bit.
using GraphOnly = ThreadScope<struct GraphOnlyTag>;

}  // namespace unpact
