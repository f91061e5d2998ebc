#include "cpu_kernels.hpp"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <limits>

// One object file serves every x86-64 machine: the loops below are compiled for three generations of vector units and
// chosen at start. The sanitizers' start-up does not allow that choice.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define UNPACT_VECTORIZED __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define UNPACT_VECTORIZED
#endif

namespace unpact::cpu {
namespace {

constexpr std::int64_t kLanes = 32;            // independent sums, so that they fill vectors without reordering any
constexpr std::int64_t kElementsATask = 1 << 14;  // less is not worth another thread

/// exp of x <= 0, by 2^n * p(r), r in +-ln(2)/2, with Cephes' polynomial of degree 5 (relative error below 2e-7).
/// Arguments whose exp float32 cannot hold are clamped; NaN stays NaN.
inline __attribute__((always_inline)) float exponential(float x) {
  x = x < -87.0F ? -87.0F : x;
  constexpr float to_nearest = 12582912.0F;  // 1.5 * 2^23: adding and taking it away rounds
  const float n = (x * 1.44269504F + to_nearest) - to_nearest;
  const float r = (x - n * 0.693359375F) + n * 2.12194440e-4F;
  float p = 1.9875691500e-4F;
  p = p * r + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * r * r + r + 1.0F;
  const auto bits = static_cast<std::uint32_t>(static_cast<std::int32_t>(n) + 127) << 23;
  return p * __builtin_bit_cast(float, bits);
}

UNPACT_VECTORIZED void norm_row(const float* x, const float* weight, float* out, std::int64_t width, float epsilon) {
  float sums[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= width; i += kLanes)
    for (std::int64_t lane = 0; lane < kLanes; ++lane) sums[lane] += x[i + lane] * x[i + lane];
  float sum = 0;
  for (; i < width; ++i) sum += x[i] * x[i];
  for (std::int64_t half = kLanes / 2; half > 0; half /= 2)
    for (std::int64_t lane = 0; lane < half; ++lane) sums[lane] += sums[lane + half];
  const float scale = 1.0F / std::sqrt((sum + sums[0]) / static_cast<float>(width) + epsilon);
  for (i = 0; i < width; ++i) out[i] = x[i] * scale * weight[i];
}

UNPACT_VECTORIZED void rotate_row(float* x, const float* cosine, const float* sine, std::int64_t heads, std::int64_t half) {
  for (std::int64_t head = 0; head < heads; ++head, x += 2 * half) {
    float* const low = x;
    float* const high = x + half;
    for (std::int64_t i = 0; i < half; ++i) {
      const float a = low[i], b = high[i];
      low[i] = a * cosine[i] - b * sine[i];
      high[i] = b * cosine[i] + a * sine[i];
    }
  }
}

UNPACT_VECTORIZED void silu_part(float* gate, const float* up, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    const float e = exponential(-std::fabs(gate[i])), share = gate[i] < 0.0F ? e : 1.0F;  // sigmoid without overflow
    gate[i] = gate[i] * share / (1.0F + e) * up[i];
  }
}

UNPACT_VECTORIZED float largest(const float* x, std::int64_t count, float start) {
  float best[kLanes];
  for (float& value : best) value = start;
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    for (std::int64_t lane = 0; lane < kLanes; ++lane) best[lane] = x[i + lane] > best[lane] ? x[i + lane] : best[lane];
  for (; i < count; ++i) best[0] = x[i] > best[0] ? x[i] : best[0];
  for (std::int64_t half = kLanes / 2; half > 0; half /= 2)
    for (std::int64_t lane = 0; lane < half; ++lane) best[lane] = best[lane + half] > best[lane] ? best[lane + half] : best[lane];
  return best[0];
}

/// sum exp(scale * (x - shift)), each term stored in `out` when there is one.
UNPACT_VECTORIZED float exponential_sum(const float* x, float* out, std::int64_t count, float shift, float scale) {
  float sums[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    float terms[kLanes];
    for (std::int64_t lane = 0; lane < kLanes; ++lane) terms[lane] = exponential(scale * (x[i + lane] - shift));
    for (std::int64_t lane = 0; lane < kLanes; ++lane) sums[lane] += terms[lane];
    if (out != nullptr)
      for (std::int64_t lane = 0; lane < kLanes; ++lane) out[i + lane] = terms[lane];
  }
  for (; i < count; ++i) {
    const float term = exponential(scale * (x[i] - shift));
    sums[0] += term;
    if (out != nullptr) out[i] = term;
  }
  for (std::int64_t half = kLanes / 2; half > 0; half /= 2)
    for (std::int64_t lane = 0; lane < half; ++lane) sums[lane] += sums[lane + half];
  return sums[0];
}

UNPACT_VECTORIZED void multiply(float* x, std::int64_t count, float factor) {
  for (std::int64_t i = 0; i < count; ++i) x[i] *= factor;
}

std::int64_t rows_a_task(std::int64_t width) { return std::max<std::int64_t>(1, kElementsATask / std::max<std::int64_t>(1, width)); }

constexpr float kLowest = std::numeric_limits<float>::lowest();  // not -infinity: an infinite score must give NaN, as ATen's does

}  // namespace

void rms_norm(const float* x_RD, const float* weight_D, float* out_RD, std::int64_t rows, std::int64_t width, double epsilon) {
  at::parallel_for(0, rows, rows_a_task(width), [&](std::int64_t begin, std::int64_t end) {
    for (auto r = begin; r < end; ++r) norm_row(x_RD + r * width, weight_D, out_RD + r * width, width, static_cast<float>(epsilon));
  });
}

void rotate(float* x_RHd, const float* cosine_Pd, const float* sine_Pd, const std::int64_t* positions_R, std::int64_t rows,
            std::int64_t heads, std::int64_t head_dim) {
  const auto half = head_dim / 2, width = heads * head_dim;
  at::parallel_for(0, rows, rows_a_task(width), [&](std::int64_t begin, std::int64_t end) {
    for (auto r = begin; r < end; ++r)
      rotate_row(x_RHd + r * width, cosine_Pd + positions_R[r] * head_dim, sine_Pd + positions_R[r] * head_dim, heads, half);
  });
}

void silu_product(float* gate, const float* up, std::int64_t count) {
  at::parallel_for(0, count, kElementsATask, [&](std::int64_t begin, std::int64_t end) { silu_part(gate + begin, up + begin, end - begin); });
}

void log_sum_exp(const float* x_RV, float* out_R, std::int64_t rows, std::int64_t width) {
  at::parallel_for(0, rows, rows_a_task(width), [&](std::int64_t begin, std::int64_t end) {
    for (auto r = begin; r < end; ++r) {
      const float* const row = x_RV + r * width;
      const float top = largest(row, width, kLowest);
      out_R[r] = top + std::log(exponential_sum(row, nullptr, width, top, 1.0F));
    }
  });
}

void softmax(const ScoreRow& row, float scale) {
  float top = kLowest, sum = 0;
  for (int piece = 0; piece < 2; ++piece)
    top = largest(row.values[piece] + row.begin[piece], row.end[piece] - row.begin[piece], top);
  for (int piece = 0; piece < 2; ++piece) {
    float* const seen = row.values[piece] + row.begin[piece];
    sum += exponential_sum(seen, seen, row.end[piece] - row.begin[piece], top, scale);
  }
  for (int piece = 0; piece < 2; ++piece) {
    float* const values = row.values[piece];
    std::fill(values, values + row.begin[piece], 0.0F);
    multiply(values + row.begin[piece], row.end[piece] - row.begin[piece], 1.0F / sum);
    std::fill(values + row.end[piece], values + row.width[piece], 0.0F);
  }
}

}  // namespace unpact::cpu
