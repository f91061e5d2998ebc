#include <cfloat>

#include "../cuda_packs.cuh"
#include "log_softmax_kernel.hpp"

namespace unpact::kernels::cuda {
namespace {

/// sum exp(x - top) with the largest x as `top`, of numbers that come one after the other (arXiv 1805.02867).
struct RunningSum {
  float top = -FLT_MAX, sum = 0;  // not -infinity: an infinite x must give NaN, as ATen's does

  __device__ void add(const RunningSum& other) {
    const float larger = fmaxf(top, other.top);
    sum = sum * __expf(top - larger) + other.sum * __expf(other.top - larger);
    top = larger;
  }
};

/// The whole block's numbers together, in the first thread; every run adds them in the same order.
__device__ RunningSum block_total(RunningSum mine) {
  __shared__ RunningSum warps[kThreads / 32];
  const auto over_lanes = [&](int lanes) {
    for (int step = lanes / 2; step > 0; step /= 2)
      mine.add({__shfl_down_sync(0xffffffffU, mine.top, step), __shfl_down_sync(0xffffffffU, mine.sum, step)});
  };
  over_lanes(32);
  if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = mine;
  __syncthreads();
  if (threadIdx.x < 32) {
    mine = threadIdx.x < kThreads / 32 ? warps[threadIdx.x] : RunningSum{};
    over_lanes(kThreads / 32);
  }
  return mine;
}

/// A block takes a row.
template <typename T, int N>
__global__ void log_sum_exp_kernel(const T* x_RV, float* out_R, std::int64_t width) {
  const T* const row = x_RV + blockIdx.x * width;
  RunningSum mine;
  for (std::int64_t i = threadIdx.x * N; i < width; i += kThreads * N) {
    const auto x = *reinterpret_cast<const Pack<T, N>*>(row + i);
    float top = mine.top, sum = 0;
    for (int k = 0; k < N; ++k) top = fmaxf(top, static_cast<float>(x.values[k]));
    for (int k = 0; k < N; ++k) sum += __expf(static_cast<float>(x.values[k]) - top);
    mine.add({top, sum});
  }
  const auto total = block_total(mine);
  if (threadIdx.x == 0) out_R[blockIdx.x] = total.top + logf(total.sum);
}

template <typename T, int N>
__global__ void slopes_kernel(LogSoftmaxSlopes s) {
  const std::int64_t r = blockIdx.x;
  T* const row = static_cast<T*>(s.logits_RV) + r * s.width;
  const float normalizer = s.normalizers_R[r], gradient = s.gradients_R[r];
  const std::int64_t target = s.targets_R[r];
  for (std::int64_t i = threadIdx.x * N; i < s.width; i += kThreads * N) {
    auto x = *reinterpret_cast<const Pack<T, N>*>(row + i);
    for (int k = 0; k < N; ++k) {
      const float slope = -gradient * __expf(static_cast<float>(x.values[k]) - normalizer);
      x.values[k] = static_cast<T>(i + k == target ? slope + gradient : slope);
    }
    *reinterpret_cast<Pack<T, N>*>(row + i) = x;
  }
}

template <typename T>
bool packs_fit(const void* x_RV, std::int64_t width) {
  return width % kPacked<T> == 0 && is_aligned(x_RV);
}

}  // namespace

cudaError_t log_sum_exp(Number number, const void* x_RV, float* out_R, std::int64_t rows, std::int64_t width,
                        cudaStream_t stream) {
  if (rows == 0) return cudaSuccess;
  return for_type(number, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    const auto* x = static_cast<const T*>(x_RV);
    const auto blocks = static_cast<unsigned>(rows);
    if (packs_fit<T>(x_RV, width)) {
      log_sum_exp_kernel<T, kPacked<T>><<<blocks, kThreads, 0, stream>>>(x, out_R, width);
    } else {
      log_sum_exp_kernel<T, 1><<<blocks, kThreads, 0, stream>>>(x, out_R, width);
    }
    return cudaGetLastError();
  });
}

cudaError_t log_softmax_slopes(Number number, const LogSoftmaxSlopes& slopes, cudaStream_t stream) {
  if (slopes.rows == 0) return cudaSuccess;
  return for_type(number, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    const auto blocks = static_cast<unsigned>(slopes.rows);
    if (packs_fit<T>(slopes.logits_RV, slopes.width)) {
      slopes_kernel<T, kPacked<T>><<<blocks, kThreads, 0, stream>>>(slopes);
    } else {
      slopes_kernel<T, 1><<<blocks, kThreads, 0, stream>>>(slopes);
    }
    return cudaGetLastError();
  });
}

}  // namespace unpact::kernels::cuda
