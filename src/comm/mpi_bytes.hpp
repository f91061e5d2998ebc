#pragma once
/// Bytes of any number by MPI, whose counts are int; private to this layer.
#include <mpi.h>

#include <cstddef>

namespace unpact::backend {

/// Blocks, and keeps a core busy, until the root is there.
void broadcast_parts(MPI_Comm group, void* data, std::size_t bytes, int root);

}  // namespace unpact::backend
