#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "../vectorized.hpp"
#include "forms.hpp"

namespace unpact::kernels::cpu {
namespace {

/// Rows whose share of a weight's gradient is one partial sum, of so many elements at least.
constexpr std::int64_t kElementsAPartialSum = 1 << 15;

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

}  // namespace

void rms_norm(const float* x_RD, const float* weight_D, float* out_RD, std::int64_t rows, std::int64_t width,
              double epsilon) {
  at::parallel_for(0, rows, rows_a_task(width), [&](std::int64_t begin, std::int64_t end) {
    for (auto r = begin; r < end; ++r)
      norm_row(x_RD + r * width, weight_D, out_RD + r * width, width, static_cast<float>(epsilon));
  });
}

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

}  // namespace unpact::kernels::cpu
