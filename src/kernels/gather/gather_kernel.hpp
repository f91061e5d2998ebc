#pragma once
#include "../cuda_number.hpp"

namespace unpact::kernels::cuda {

/// Row r of `keys` and `values` is row index[r] of the stored ones, or row index[r] - stored of the fresh ones.
struct GatheredRows {
  const void *stored_keys, *stored_values, *fresh_keys, *fresh_values;
  const std::int64_t* index_R;
  void *keys, *values;
  std::int64_t rows, stored, row_bytes;  ///< row_bytes and all pointers: multiples of 16
};
cudaError_t gather_rows(const GatheredRows& gathered, cudaStream_t stream);

}  // namespace unpact::kernels::cuda
