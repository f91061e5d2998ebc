#pragma once
#include <cstdint>

#include "../form.hpp"
#include "unpact/kernels/log_softmax.hpp"

namespace unpact::kernels {

/// Of the two ends of a log-softmax, which record no gradients.
Form log_softmax_form(const at::Tensor& logits_RV);

namespace reference {
at::Tensor log_normalizers(const at::Tensor& logits_RV);
/// Computed in float32, rounded to the logits' precision.
void log_softmax_gradient(at::Tensor& logits_RV, const at::Tensor& normalizers_R, const at::Tensor& targets_R,
                          const at::Tensor& gradients_R);
/// All logits at once, by autograd.
at::Tensor target_log_probabilities(const at::Tensor& hidden_RD, const at::Tensor& head_VD, const at::Tensor& targets_R,
                                    double cap = 0);
}  // namespace reference

namespace cpu {

/// log sum exp of each row.
void log_sum_exp(const float* x_RV, float* out_R, std::int64_t rows, std::int64_t width);

/// The same of rows that come in pieces: takes these columns into each row's largest, top_r, and sum_r = sum exp(x - top_r),
/// which begin with lowest() and 0. log sum exp = top + log(sum).
void add_exponentials(const float* x_RW, std::int64_t rows, std::int64_t width, float* top_R, float* sum_R);

/// In place, the gradient by the logits of sum_r g_r log_softmax(logits)[r, t_r]: g_r (1[t_r] - exp(logit - normalizer_r)).
void log_probability_slopes(float* logits_RV, const float* normalizers_R, const std::int64_t* targets_R,
                            const float* gradients_R, std::int64_t rows, std::int64_t vocabulary);

}  // namespace cpu

namespace cuda {
/// (R, V) -> (R), float32.
at::Tensor log_sum_exp(const at::Tensor& x_RV);
/// In place, rounded once.
void log_softmax_slopes(const at::Tensor& logits_RV, const at::Tensor& normalizers_R, const at::Tensor& targets_R,
                        const at::Tensor& gradients_R);
}  // namespace cuda

}  // namespace unpact::kernels
