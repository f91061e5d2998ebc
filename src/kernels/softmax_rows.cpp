#include "softmax_rows.hpp"

#include "vectorized.hpp"

namespace unpact::kernels::cpu {

UNPACT_VECTORIZED float largest(const float* x, std::int64_t count, float start) {
  float best[kLanes];
  for (float& value : best) value = start;
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    for (std::int64_t lane = 0; lane < kLanes; ++lane) best[lane] = x[i + lane] > best[lane] ? x[i + lane] : best[lane];
  for (; i < count; ++i) best[0] = x[i] > best[0] ? x[i] : best[0];
  for (std::int64_t half = kLanes / 2; half > 0; half /= 2)
    for (std::int64_t lane = 0; lane < half; ++lane)
      best[lane] = best[lane + half] > best[lane] ? best[lane + half] : best[lane];
  return best[0];
}

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

}  // namespace unpact::kernels::cpu
