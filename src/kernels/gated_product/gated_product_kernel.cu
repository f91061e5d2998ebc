#include "../cuda_packs.cuh"
#include "gated_product_kernel.hpp"

namespace unpact::kernels::cuda {
namespace {

__device__ float sigmoid(float x) { return 1.0F / (1.0F + __expf(-x)); }

template <typename T, int N>
__global__ void silu_product_kernel(const T* gate, const T* up, T* out, std::int64_t count) {
  const auto number = thread_number() * N;
  if (number >= count) return;
  using Numbers = Pack<T, N>;
  auto g = *reinterpret_cast<const Numbers*>(gate + number);
  const auto u = *reinterpret_cast<const Numbers*>(up + number);
  for (int k = 0; k < N; ++k) {
    const float x = static_cast<float>(g.values[k]);
    g.values[k] = static_cast<T>(x * sigmoid(x) * static_cast<float>(u.values[k]));
  }
  *reinterpret_cast<Numbers*>(out + number) = g;
}

template <typename T, int N>
__global__ void silu_product_backward_kernel(const T* gate, const T* up, const T* gradient, T* gate_gradient, T* up_gradient,
                                             std::int64_t count) {
  const auto number = thread_number() * N;
  if (number >= count) return;
  using Numbers = Pack<T, N>;
  auto g = *reinterpret_cast<const Numbers*>(gate + number), u = *reinterpret_cast<const Numbers*>(up + number);
  const auto slope = *reinterpret_cast<const Numbers*>(gradient + number);
  for (int k = 0; k < N; ++k) {
    const float x = static_cast<float>(g.values[k]), s = sigmoid(x), d = static_cast<float>(slope.values[k]);
    g.values[k] = static_cast<T>(d * static_cast<float>(u.values[k]) * s * (1.0F + x * (1.0F - s)));
    u.values[k] = static_cast<T>(d * x * s);
  }
  *reinterpret_cast<Numbers*>(gate_gradient + number) = g;
  *reinterpret_cast<Numbers*>(up_gradient + number) = u;
}

template <typename T>
cudaError_t multiply(const T* gate, const T* up, T* out, std::int64_t count, cudaStream_t stream) {
  constexpr int N = kPacked<T>;
  if (count % N == 0 && is_aligned(gate) && is_aligned(up) && is_aligned(out)) {
    silu_product_kernel<T, N><<<blocks_for(count / N), kThreads, 0, stream>>>(gate, up, out, count);
  } else {
    silu_product_kernel<T, 1><<<blocks_for(count), kThreads, 0, stream>>>(gate, up, out, count);
  }
  return cudaGetLastError();
}

template <typename T>
cudaError_t differentiate(const T* gate, const T* up, const T* gradient, T* gate_gradient, T* up_gradient,
                          std::int64_t count, cudaStream_t stream) {
  constexpr int N = kPacked<T>;
  const bool aligned =
      is_aligned(gate) && is_aligned(up) && is_aligned(gradient) && is_aligned(gate_gradient) && is_aligned(up_gradient);
  if (count % N == 0 && aligned) {
    silu_product_backward_kernel<T, N>
        <<<blocks_for(count / N), kThreads, 0, stream>>>(gate, up, gradient, gate_gradient, up_gradient, count);
  } else {
    silu_product_backward_kernel<T, 1>
        <<<blocks_for(count), kThreads, 0, stream>>>(gate, up, gradient, gate_gradient, up_gradient, count);
  }
  return cudaGetLastError();
}

}  // namespace

cudaError_t silu_product(Number number, const void* gate, const void* up, void* out, std::int64_t count,
                         cudaStream_t stream) {
  if (count == 0) return cudaSuccess;
  return for_type(number, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    return multiply(static_cast<const T*>(gate), static_cast<const T*>(up), static_cast<T*>(out), count, stream);
  });
}

cudaError_t silu_product_backward(Number number, const void* gate, const void* up, const void* gradient, void* gate_gradient,
                                  void* up_gradient, std::int64_t count, cudaStream_t stream) {
  if (count == 0) return cudaSuccess;
  return for_type(number, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    return differentiate(static_cast<const T*>(gate), static_cast<const T*>(up), static_cast<const T*>(gradient),
                         static_cast<T*>(gate_gradient), static_cast<T*>(up_gradient), count, stream);
  });
}

}  // namespace unpact::kernels::cuda
