#pragma once
/// From tensors to what the CUDA kernels take. For files that a build without CUDA leaves out.
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include "cuda_number.hpp"
#include "form.hpp"
#include "unpact/core/cuda_check.hpp"
#include "unpact/core/error.hpp"

namespace unpact::kernels::cuda {

inline Number number_of(const at::Tensor& x) {
  if (x.scalar_type() == at::kFloat) return Number::float32;
  return x.scalar_type() == at::kBFloat16 ? Number::bfloat16 : Number::float16;
}

inline cudaStream_t stream_of(const at::Tensor& x) { return c10::cuda::getCurrentCUDAStream(x.device().index()).stream(); }

inline bool same(const at::Tensor& a, const at::Tensor& b) {
  return fits(a) && a.scalar_type() == b.scalar_type() && a.sizes() == b.sizes();
}

}  // namespace unpact::kernels::cuda
