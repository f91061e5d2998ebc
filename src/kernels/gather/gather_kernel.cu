#include "../cuda_packs.cuh"
#include "gather_kernel.hpp"

namespace unpact::kernels::cuda {
namespace {

/// A thread copies 16 bytes of a key and of a value.
__global__ void gather_kernel(GatheredRows g) {
  using Bytes = Pack<std::uint32_t, 4>;
  const std::int64_t packs = g.row_bytes / 16, number = thread_number();
  if (number >= g.rows * packs) return;
  const std::int64_t source = g.index_R[number / packs], column = number % packs;
  const bool is_stored = source < g.stored;
  const std::int64_t from = (is_stored ? source : source - g.stored) * packs + column;
  static_cast<Bytes*>(g.keys)[number] = static_cast<const Bytes*>(is_stored ? g.stored_keys : g.fresh_keys)[from];
  static_cast<Bytes*>(g.values)[number] = static_cast<const Bytes*>(is_stored ? g.stored_values : g.fresh_values)[from];
}

}  // namespace

cudaError_t gather_rows(const GatheredRows& gathered, cudaStream_t stream) {
  if (gathered.rows == 0) return cudaSuccess;
  gather_kernel<<<blocks_for(gathered.rows * gathered.row_bytes / 16), kThreads, 0, stream>>>(gathered);
  return cudaGetLastError();
}

}  // namespace unpact::kernels::cuda
