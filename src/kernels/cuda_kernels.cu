#include "cuda_kernels.hpp"
#include "cuda_packs.cuh"

namespace unpact::cuda {
namespace {

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

cudaError_t gather_rows(const GatheredRows& gathered, cudaStream_t stream) {
  if (gathered.rows == 0) return cudaSuccess;
  gather_kernel<<<blocks_for(gathered.rows * gathered.row_bytes / 16), kThreads, 0, stream>>>(gathered);
  return cudaGetLastError();
}

}  // namespace unpact::cuda
