#pragma once
/// The two ends of a log-softmax whose middle is never stored: its normalizers, and its gradient. float32 on the CPU and every
/// precision on CUDA take one pass over memory each, everything else goes through tensor operations. Arithmetic is in float32.
///
/// Legend of shapes: R rows, V vocabulary.
#include <ATen/core/Tensor.h>

namespace unpact {

/// log sum exp of each row in float32, without gradients: (R, V) -> (R).
at::Tensor log_normalizers(const at::Tensor& logits_RV);

/// In place: the gradient by the logits of sum_r g_r log_softmax(logits)[r, t_r], which is g_r (1[t_r] - softmax).
/// The result has the logits' precision. @param normalizers_R, gradients_R float32; @param targets_R int64, within the vocabulary.
void log_softmax_gradient(at::Tensor& logits_RV, const at::Tensor& normalizers_R, const at::Tensor& targets_R,
                          const at::Tensor& gradients_R);

}  // namespace unpact
