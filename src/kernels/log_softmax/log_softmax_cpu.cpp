#include <ATen/Parallel.h>

#include <cmath>

#include "../softmax_rows.hpp"
#include "../vectorized.hpp"
#include "forms.hpp"

namespace unpact::kernels::cpu {
namespace {

UNPACT_VECTORIZED void softmax_slopes(float* logits, std::int64_t count, float normalizer, float factor) {
  for (std::int64_t i = 0; i < count; ++i) logits[i] = exponential(logits[i] - normalizer) * factor;
}

}  // namespace

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

}  // namespace unpact::kernels::cpu
