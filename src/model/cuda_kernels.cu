#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "cuda_kernels.hpp"

namespace unpact::cuda {
namespace {

constexpr int kThreads = 256;

/// N numbers that a thread reads or writes at once.
template <typename T, int N>
struct alignas(sizeof(T) * N) Pack {
  T values[N];
};

template <typename T>
constexpr int kPacked = 16 / sizeof(T);

bool is_aligned(const void* pointer) { return reinterpret_cast<std::uintptr_t>(pointer) % 16 == 0; }

unsigned blocks_for(std::int64_t threads) { return static_cast<unsigned>((threads + kThreads - 1) / kThreads); }

__device__ std::int64_t thread_number() { return static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x; }

__device__ float sigmoid(float x) { return 1.0F / (1.0F + __expf(-x)); }

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
cudaError_t differentiate(const T* gate, const T* up, const T* gradient, T* gate_gradient, T* up_gradient, std::int64_t count,
                          cudaStream_t stream) {
  constexpr int N = kPacked<T>;
  const bool aligned = is_aligned(gate) && is_aligned(up) && is_aligned(gradient) && is_aligned(gate_gradient) && is_aligned(up_gradient);
  if (count % N == 0 && aligned) {
    silu_product_backward_kernel<T, N>
        <<<blocks_for(count / N), kThreads, 0, stream>>>(gate, up, gradient, gate_gradient, up_gradient, count);
  } else {
    silu_product_backward_kernel<T, 1><<<blocks_for(count), kThreads, 0, stream>>>(gate, up, gradient, gate_gradient, up_gradient, count);
  }
  return cudaGetLastError();
}

/// Calls call(a null pointer of the number's type).
template <typename Call>
cudaError_t for_type(Number number, const Call& call) {
  if (number == Number::float32) return call(static_cast<float*>(nullptr));
  if (number == Number::bfloat16) return call(static_cast<__nv_bfloat16*>(nullptr));
  return call(static_cast<__half*>(nullptr));
}

}  // namespace

cudaError_t rotate(Number number, const Rotation& rotation, cudaStream_t stream) {
  if (rotation.rows == 0) return cudaSuccess;
  return for_type(number, [&](auto* type) { return rotate_numbers<std::remove_pointer_t<decltype(type)>>(rotation, stream); });
}

cudaError_t silu_product(Number number, const void* gate, const void* up, void* out, std::int64_t count, cudaStream_t stream) {
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

}  // namespace unpact::cuda
