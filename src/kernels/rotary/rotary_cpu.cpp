#include <ATen/Parallel.h>

#include "../vectorized.hpp"
#include "forms.hpp"

namespace unpact::kernels::cpu {
namespace {

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

}  // namespace

void rotate(float* x_RHd, const float* cosine_Pd, const float* sine_Pd, const std::int64_t* index_R, std::int64_t rows,
            std::int64_t positions, std::int64_t heads, std::int64_t head_dim, float sign) {
  const auto width = heads * head_dim;
  at::parallel_for(0, rows, rows_a_task(width), [&](std::int64_t begin, std::int64_t end) {
    for (auto r = begin; r < end; ++r) {
      const auto angles = (index_R != nullptr ? index_R[r] : r % positions) * head_dim;
      rotate_heads(x_RHd + r * width, cosine_Pd + angles, sine_Pd + angles, heads, head_dim / 2, sign);
    }
  });
}

}  // namespace unpact::kernels::cpu
