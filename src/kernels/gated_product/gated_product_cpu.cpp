#include <ATen/Parallel.h>

#include <cmath>

#include "../vectorized.hpp"
#include "forms.hpp"

namespace unpact::kernels::cpu {
namespace {

UNPACT_VECTORIZED void silu_part(const float* gate, const float* up, float* out, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    const float e = exponential(-std::fabs(gate[i])), share = gate[i] < 0.0F ? e : 1.0F;  // sigmoid without overflow
    out[i] = gate[i] * share / (1.0F + e) * up[i];
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

}  // namespace

void silu_product(const float* gate, const float* up, float* out, std::int64_t count) {
  at::parallel_for(0, count, kElementsATask, [&](std::int64_t begin, std::int64_t end) {
    silu_part(gate + begin, up + begin, out + begin, end - begin);
  });
}

void silu_product_backward(const float* gate, const float* up, const float* gradient, float* gate_gradient,
                           float* up_gradient, std::int64_t count) {
  at::parallel_for(0, count, kElementsATask, [&](std::int64_t begin, std::int64_t end) {
    silu_gradients(gate + begin, up + begin, gradient + begin, gate_gradient + begin, up_gradient + begin, end - begin);
  });
}

}  // namespace unpact::kernels::cpu
