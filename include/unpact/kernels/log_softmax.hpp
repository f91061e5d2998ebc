#pragma once
/// Log-softmaxes over a vocabulary whose middle is never stored: the two ends of one, normalizers and gradient, and
/// log-probabilities of targets without all logits at once. Arithmetic is in float32.
///
/// Legend of shapes: R rows, C rows of a chunk, D hidden size, V vocabulary.
#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

namespace unpact::kernels {

/// log sum exp of each row in float32, without gradients: (R, V) -> (R).
at::Tensor log_normalizers(const at::Tensor& logits_RV);

/// In place: the gradient by the logits of sum_r g_r log_softmax(logits)[r, t_r], which is g_r (1[t_r] - softmax).
/// The result has the logits' precision.
/// @param normalizers_R, gradients_R float32; @param targets_R int64, within the vocabulary.
void log_softmax_gradient(at::Tensor& logits_RV, const at::Tensor& normalizers_R, const at::Tensor& targets_R,
                          const at::Tensor& gradients_R);

/// How many rows of logits `bytes` of float32 hold, at least one.
inline std::int64_t rows_of_logits(std::int64_t bytes, std::int64_t vocabulary) {
  return std::max<std::int64_t>(1, bytes / (4 * vocabulary));
}

/// Calls visit(first row, number of rows) for chunks that cover 0..rows-1 in order.
template <typename Visit>
void for_row_chunks(std::int64_t rows, std::int64_t chunk, const Visit& visit) {
  for (std::int64_t begin = 0; begin < rows; begin += chunk) visit(begin, std::min(chunk, rows - begin));
}

/// Logits that training holds at once, in bytes of float32: 128 MiB, on CUDA, which needs more rows to be busy, 1 GiB.
std::int64_t logit_bytes_on(const c10::Device& device);

/// log softmax(hidden_RD head_VD^T)[r, targets_R[r]], (R), float32, differentiable by both matrices, without ever holding
/// more than `logit_bytes` of logits (0: logit_bytes_on the device): rows go through in chunks, and when there is more than
/// one, the backward pass computes the logits again. The gradient of row r by its logits is g_r (1[target] - softmax).
/// Without gradients the bits are the same. @param cap of the logits (soft_capped()); 0: none.
at::Tensor chunked_log_probabilities(const at::Tensor& hidden_RD, const at::Tensor& head_VD, const at::Tensor& targets_R,
                                     std::int64_t logit_bytes = 0, double cap = 0);

/// A log-probability that is asked for, and its place in the result.
struct AskedTarget {
  std::int64_t row, target;
  std::size_t place;
};

/// Whether tiled_log_probabilities() takes these: float32 on the CPU, without gradients.
bool tiles_apply(const at::Tensor& hidden_RD, const at::Tensor& head_VD);

/// log softmax(hidden_RD head_VD^T)[row, target] of those asked for, by ascending row, through tiles of logits that a core's
/// cache holds: the fastest form for scoring, with a running maximum and sum of each row. @param cap of the logits.
std::vector<float> tiled_log_probabilities(const at::Tensor& hidden_RD, const at::Tensor& head_VD,
                                           std::span<const AskedTarget> asked, double cap = 0);

}  // namespace unpact::kernels
