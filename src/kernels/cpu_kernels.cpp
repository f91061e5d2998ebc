#include "unpact/kernels/cpu_kernels.hpp"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "vectorized.hpp"

namespace unpact::cpu {
namespace {

UNPACT_VECTORIZED void norm_row(const float* x, const float* weight, float* out, std::int64_t width, float epsilon) {
  float sums[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= width; i += kLanes)
    for (std::int64_t lane = 0; lane < kLanes; ++lane) sums[lane] += x[i + lane] * x[i + lane];
  float sum = 0;
  for (; i < width; ++i) sum += x[i] * x[i];
  const float scale = 1.0F / std::sqrt((sum + lane_total(sums)) / static_cast<float>(width) + epsilon);
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

UNPACT_VECTORIZED void silu_part(const float* gate, const float* up, float* out, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    const float e = exponential(-std::fabs(gate[i])), share = gate[i] < 0.0F ? e : 1.0F;  // sigmoid without overflow
    out[i] = gate[i] * share / (1.0F + e) * up[i];
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
  return lane_total(sums);
}

UNPACT_VECTORIZED void multiply(float* x, std::int64_t count, float factor) {
  for (std::int64_t i = 0; i < count; ++i) x[i] *= factor;
}

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

void silu_product(const float* gate, const float* up, float* out, std::int64_t count) {
  at::parallel_for(0, count, kElementsATask,
                   [&](std::int64_t begin, std::int64_t end) { silu_part(gate + begin, up + begin, out + begin, end - begin); });
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

void add_exponentials(const float* x_RW, std::int64_t rows, std::int64_t width, float* top_R, float* sum_R) {
  at::parallel_for(0, rows, rows_a_task(width), [&](std::int64_t begin, std::int64_t end) {
    for (auto r = begin; r < end; ++r) {
      const float* const row = x_RW + r * width;
      const float top = largest(row, width, top_R[r]);
      sum_R[r] = sum_R[r] * std::exp(top_R[r] - top) + exponential_sum(row, nullptr, width, top, 1.0F);
      top_R[r] = top;
    }
  });
}

float exponentials(const ScoreRow& row, float scale) {
  float top = kLowest, sum = 0;
  for (int piece = 0; piece < 2; ++piece)
    top = largest(row.values[piece] + row.begin[piece], row.end[piece] - row.begin[piece], top);
  for (int piece = 0; piece < 2; ++piece) {
    float* const values = row.values[piece];
    float* const seen = values + row.begin[piece];
    sum += exponential_sum(seen, seen, row.end[piece] - row.begin[piece], top, scale);
    std::fill(values, seen, 0.0F);
    std::fill(values + row.end[piece], values + row.width[piece], 0.0F);
  }
  return sum;
}

void divide_rows(const Rows& x, const float* divisors) {
  for (std::int64_t r = 0; r < x.count; ++r) multiply(x.data + r * x.stride, x.width, 1.0F / divisors[r]);
}

}  // namespace unpact::cpu
