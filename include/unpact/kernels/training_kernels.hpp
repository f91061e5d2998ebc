#pragma once
/// Loops of the backward pass for float32 on the CPU, one pass over memory each; fused_nodes.hpp makes nodes of them. Sums
/// over rows are cut in a way that does not depend on the number of threads.
///
/// Legend of shapes: R rows, D width of a row, S positions, H heads, d head size, F MLP width, V vocabulary.
#include <cstdint>

namespace unpact::cpu {

/// Gradients of out = x * r * weight, r = 1 / sqrt(mean(x^2) + epsilon), given that of `out`:
///     dx = r (g w - x r^2 mean(g w x)),   dw = sum over rows of g x r.
struct RmsNormBackward {
  const float *x_RD, *weight_D, *gradient_RD;
  const float* residual_RD;  ///< added to dx; null: nothing
  float* x_gradient_RD;      ///< null: not wanted
  float* weight_gradient_D;  ///< added to; null: not wanted
  std::int64_t rows, width;
  double epsilon;
};
void rms_norm_backward(const RmsNormBackward& pass);

/// Rotates every head in place as cpu::rotate does, row r by the angles of position r mod S. @param sign -1: back.
void rotate_rows(float* x_RHd, const float* cosine_Sd, const float* sine_Sd, std::int64_t rows, std::int64_t positions,
                 std::int64_t heads, std::int64_t head_dim, float sign);

/// Gradients of silu(gate) * up, element by element.
void silu_product_backward(const float* gate, const float* up, const float* gradient, float* gate_gradient,
                           float* up_gradient, std::int64_t count);

/// In place, the gradient by the logits of sum_r g_r log_softmax(logits)[r, t_r]: g_r (1[t_r] - exp(logit - normalizer_r)).
void log_probability_slopes(float* logits_RV, const float* normalizers_R, const std::int64_t* targets_R,
                            const float* gradients_R, std::int64_t rows, std::int64_t vocabulary);

}  // namespace unpact::cpu
