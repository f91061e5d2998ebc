#include "../cuda_packs.cuh"
#include "rotary_kernel.hpp"

namespace unpact::kernels::cuda {
namespace {

/// A thread turns N pairs of one head.
template <typename T, int N>
__global__ void rotate_kernel(Rotation r) {
  const std::int64_t half = r.d / 2, packs = half / N, number = thread_number();
  if (number >= r.rows * r.heads * packs) return;
  const std::int64_t head = number / packs, row = head / r.heads, j = number % packs * N;
  const std::int64_t position = r.index_R != nullptr ? r.index_R[row] : row % r.positions;
  using Numbers = Pack<T, N>;
  T* x = static_cast<T*>(r.x_RHd) + head * r.d + j;
  auto first = *reinterpret_cast<Numbers*>(x), second = *reinterpret_cast<Numbers*>(x + half);
  for (int k = 0; k < N; ++k) {
    const float cosine = r.cosine_Pd[position * r.d + j + k], sine = r.sign * r.sine_Pd[position * r.d + j + k];
    const float a = static_cast<float>(first.values[k]), b = static_cast<float>(second.values[k]);
    first.values[k] = static_cast<T>(a * cosine - b * sine);
    second.values[k] = static_cast<T>(b * cosine + a * sine);
  }
  *reinterpret_cast<Numbers*>(x) = first;
  *reinterpret_cast<Numbers*>(x + half) = second;
}

template <typename T>
cudaError_t rotate_numbers(const Rotation& r, cudaStream_t stream) {
  constexpr int N = kPacked<T>;
  const auto pairs = r.rows * r.heads * r.d / 2;
  if (r.d / 2 % N == 0 && is_aligned(r.x_RHd)) {
    rotate_kernel<T, N><<<blocks_for(pairs / N), kThreads, 0, stream>>>(r);
  } else {
    rotate_kernel<T, 1><<<blocks_for(pairs), kThreads, 0, stream>>>(r);
  }
  return cudaGetLastError();
}

}  // namespace

cudaError_t rotate(Number number, const Rotation& rotation, cudaStream_t stream) {
  if (rotation.rows == 0) return cudaSuccess;
  return for_type(number,
                  [&](auto* type) { return rotate_numbers<std::remove_pointer_t<decltype(type)>>(rotation, stream); });
}

}  // namespace unpact::kernels::cuda
