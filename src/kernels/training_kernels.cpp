#include "unpact/kernels/training_kernels.hpp"

#include <ATen/Parallel.h>

#include <cmath>
#include <vector>

#include "vectorized.hpp"

namespace unpact::cpu {
namespace {

/// Rows whose share of a weight's gradient is one partial sum, of so many elements at least.
constexpr std::int64_t kElementsAPartialSum = 1 << 15;

struct RowSums {
  float squares, products;
};

/// sum x^2 and sum g w x.
UNPACT_VECTORIZED RowSums row_sums(const float* x, const float* weight, const float* gradient, std::int64_t width) {
  float squares[kLanes] = {}, products[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= width; i += kLanes)
    for (std::int64_t lane = 0; lane < kLanes; ++lane) {
      squares[lane] += x[i + lane] * x[i + lane];
      products[lane] += gradient[i + lane] * weight[i + lane] * x[i + lane];
    }
  for (; i < width; ++i) {
    squares[0] += x[i] * x[i];
    products[0] += gradient[i] * weight[i] * x[i];
  }
  return {lane_total(squares), lane_total(products)};
}

UNPACT_VECTORIZED void norm_gradient(const float* x, const float* weight, const float* gradient, const float* residual,
                                     float* out, std::int64_t width, float scale, float slope) {
  if (residual != nullptr) {
    for (std::int64_t i = 0; i < width; ++i) out[i] = residual[i] + (gradient[i] * weight[i] * scale - x[i] * slope);
  } else {
    for (std::int64_t i = 0; i < width; ++i) out[i] = gradient[i] * weight[i] * scale - x[i] * slope;
  }
}

/// sum += a * b * factor
UNPACT_VECTORIZED void add_products(float* sum, const float* a, const float* b, std::int64_t width, float factor) {
  for (std::int64_t i = 0; i < width; ++i) sum[i] += a[i] * b[i] * factor;
}

UNPACT_VECTORIZED void add(float* sum, const float* x, std::int64_t width) {
  for (std::int64_t i = 0; i < width; ++i) sum[i] += x[i];
}

UNPACT_VECTORIZED void rotate_heads(float* x, const float* cosine, const float* sine, std::int64_t heads, std::int64_t half,
                                    float sign) {
  for (std::int64_t head = 0; head < heads; ++head, x += 2 * half) {
    float* const low = x;
    float* const high = x + half;
    for (std::int64_t i = 0; i < half; ++i) {
      const float a = low[i], b = high[i], turn = sign * sine[i];
      low[i] = a * cosine[i] - b * turn;
      high[i] = b * cosine[i] + a * turn;
    }
  }
}

UNPACT_VECTORIZED void silu_gradients(const float* gate, const float* up, const float* gradient, float* gate_gradient,
                                      float* up_gradient, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    const float e = exponential(-std::fabs(gate[i])), share = gate[i] < 0.0F ? e : 1.0F;
    const float sigmoid = share / (1.0F + e);
    up_gradient[i] = gradient[i] * gate[i] * sigmoid;
    gate_gradient[i] = gradient[i] * up[i] * sigmoid * (1.0F + gate[i] * (1.0F - sigmoid));
  }
}

UNPACT_VECTORIZED void softmax_slopes(float* logits, std::int64_t count, float normalizer, float factor) {
  for (std::int64_t i = 0; i < count; ++i) logits[i] = exponential(logits[i] - normalizer) * factor;
}

}  // namespace

void rms_norm_backward(const RmsNormBackward& p) {
  const auto width = p.width, rows_a_part = std::max<std::int64_t>(1, kElementsAPartialSum / width);
  const auto parts = (p.rows + rows_a_part - 1) / rows_a_part;
  std::vector<float> partial_sums(p.weight_gradient_D != nullptr ? static_cast<std::size_t>(parts * width) : 0);
  at::parallel_for(0, parts, 1, [&](std::int64_t begin, std::int64_t end) {
    for (auto r = begin * rows_a_part; r < std::min(end * rows_a_part, p.rows); ++r) {
      const auto at = r * width;
      const auto [squares, products] = row_sums(p.x_RD + at, p.weight_D, p.gradient_RD + at, width);
      const float scale = 1.0F / std::sqrt(squares / static_cast<float>(width) + static_cast<float>(p.epsilon));
      const float slope = scale * scale * scale * products / static_cast<float>(width);
      if (p.weight_gradient_D != nullptr)
        add_products(partial_sums.data() + r / rows_a_part * width, p.gradient_RD + at, p.x_RD + at, width, scale);
      if (p.x_gradient_RD != nullptr)
        norm_gradient(p.x_RD + at, p.weight_D, p.gradient_RD + at, p.residual_RD != nullptr ? p.residual_RD + at : nullptr,
                      p.x_gradient_RD + at, width, scale, slope);
    }
  });
  if (p.weight_gradient_D == nullptr) return;
  for (std::int64_t part = 0; part < parts; ++part) add(p.weight_gradient_D, partial_sums.data() + part * width, width);
}

void rotate_rows(float* x_RHd, const float* cosine_Sd, const float* sine_Sd, std::int64_t rows, std::int64_t positions,
                 std::int64_t heads, std::int64_t head_dim, float sign) {
  const auto width = heads * head_dim;
  at::parallel_for(0, rows, rows_a_task(width), [&](std::int64_t begin, std::int64_t end) {
    for (auto r = begin; r < end; ++r) {
      const auto angles = r % positions * head_dim;
      rotate_heads(x_RHd + r * width, cosine_Sd + angles, sine_Sd + angles, heads, head_dim / 2, sign);
    }
  });
}

void silu_product_backward(const float* gate, const float* up, const float* gradient, float* gate_gradient,
                           float* up_gradient, std::int64_t count) {
  at::parallel_for(0, count, kElementsATask, [&](std::int64_t begin, std::int64_t end) {
    silu_gradients(gate + begin, up + begin, gradient + begin, gate_gradient + begin, up_gradient + begin, end - begin);
  });
}

void log_probability_slopes(float* logits_RV, const float* normalizers_R, const std::int64_t* targets_R,
                            const float* gradients_R, std::int64_t rows, std::int64_t vocabulary) {
  at::parallel_for(0, rows, rows_a_task(vocabulary), [&](std::int64_t begin, std::int64_t end) {
    for (auto r = begin; r < end; ++r) {
      float* const row = logits_RV + r * vocabulary;
      softmax_slopes(row, vocabulary, normalizers_R[r], -gradients_R[r]);
      row[targets_R[r]] += gradients_R[r];
    }
  });
}

}  // namespace unpact::cpu
