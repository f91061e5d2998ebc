#pragma once
/// What the CUDA kernels share: several numbers a memory access, and the choice by type.
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "cuda_number.hpp"

namespace unpact::kernels::cuda {

inline constexpr int kThreads = 256;

/// N numbers that a thread reads or writes at once.
template <typename T, int N>
struct alignas(sizeof(T) * N) Pack {
  T values[N];
};

template <typename T>
inline constexpr int kPacked = 16 / sizeof(T);

inline bool is_aligned(const void* pointer) { return reinterpret_cast<std::uintptr_t>(pointer) % 16 == 0; }

inline unsigned blocks_for(std::int64_t threads) { return static_cast<unsigned>((threads + kThreads - 1) / kThreads); }

inline __device__ std::int64_t thread_number() { return static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x; }

/// Calls call(a null pointer of the number's type).
template <typename Call>
cudaError_t for_type(Number number, const Call& call) {
  if (number == Number::float32) return call(static_cast<float*>(nullptr));
  if (number == Number::bfloat16) return call(static_cast<__nv_bfloat16*>(nullptr));
  return call(static_cast<__half*>(nullptr));
}

}  // namespace unpact::kernels::cuda
