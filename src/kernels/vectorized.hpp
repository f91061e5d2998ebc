#pragma once
/// What the loops for the CPU share.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

// One object file serves every x86-64 machine: the loops below are compiled for three generations of vector units and
// chosen at start. The sanitizers' start-up does not allow that choice.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define UNPACT_VECTORIZED __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define UNPACT_VECTORIZED
#endif

namespace unpact::kernels::cpu {

inline constexpr std::int64_t kLanes = 32;  // independent sums, so that they fill vectors without reordering any
inline constexpr std::int64_t kElementsATask = 1 << 14;  // less is not worth another thread

/// exp of x <= 0, by 2^n * p(r), r in +-ln(2)/2, with Cephes' polynomial of degree 5 (relative error below 2e-7).
/// Arguments whose exp float32 cannot hold are clamped; NaN stays NaN.
inline __attribute__((always_inline)) float exponential(float x) {
  x = x < -87.0F ? -87.0F : x;
  constexpr float to_nearest = 12582912.0F;  // 1.5 * 2^23: adding and taking it away rounds
  const float shifted = x * 1.44269504F + to_nearest, n = shifted - to_nearest;
  const float r = (x - n * 0.693359375F) + n * 2.12194440e-4F;
  float p = 1.9875691500e-4F;
  p = p * r + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * r * r + r + 1.0F;
  // n stands in the last bits of `shifted`; of NaN no integer may be made, these may be anything.
  const auto bits = (__builtin_bit_cast(std::uint32_t, shifted) - __builtin_bit_cast(std::uint32_t, to_nearest) + 127U)
                    << 23;
  return p * __builtin_bit_cast(float, bits);
}

/// Adds up the independent sums of a loop over lanes; they are not needed afterwards.
inline __attribute__((always_inline)) float lane_total(float* sums) {
  for (std::int64_t half = kLanes / 2; half > 0; half /= 2)
    for (std::int64_t lane = 0; lane < half; ++lane) sums[lane] += sums[lane + half];
  return sums[0];
}

inline std::int64_t rows_a_task(std::int64_t width) {
  return std::max<std::int64_t>(1, kElementsATask / std::max<std::int64_t>(1, width));
}

}  // namespace unpact::kernels::cpu
