#pragma once
/// AdamW (Loshchilov & Hutter, arXiv 1711.05101) on flat vectors, as torch.optim.AdamW computes it, and learning-rate
/// schedules as transformers.get_scheduler does.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

#include "unpact/core/enumeration.hpp"

namespace unpact {

struct AdamWOptions {
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 0.0;
};

/// One pass over memory (PyTorch's fused kernel), or one operation after the other: the reference.
enum class AdamWKernel { fused, composed };

class AdamW {
 public:
  /// State for a vector like `values` and of its dtype, zero at first.
  AdamW(const at::Tensor& values, AdamWOptions options, AdamWKernel kernel = AdamWKernel::fused);
  /// values -= lr * (m_hat / (sqrt(v_hat) + epsilon) + weight_decay * values)
  void step(at::Tensor& values, const at::Tensor& gradients, double learning_rate);
  /// The same in pieces: begin_step() once, then every piece [begin, begin + size) of the vector. Pieces that begin at
  /// multiples of kPieceMultiple give the bits of step().
  void begin_step() { ++steps_; }
  void step_piece(at::Tensor values, const at::Tensor& gradients, std::int64_t begin, double learning_rate);
  static constexpr std::int64_t kPieceMultiple = 64;  ///< a multiple of the vector widths of all kernels

  at::Tensor& first_moment() { return first_moment_; }
  at::Tensor& second_moment() { return second_moment_; }
  std::int64_t steps() const { return steps_; }
  void set_steps(std::int64_t steps) { steps_ = steps; }
  /// Gives the moments' memory back: no step can follow.
  void drop_moments() { first_moment_ = second_moment_ = at::Tensor(); }

 private:
  void step_fused(at::Tensor& values, const at::Tensor& gradients, at::Tensor& first, at::Tensor& second,
                  double learning_rate);

  AdamWOptions options_;
  AdamWKernel kernel_;
  at::Tensor first_moment_, second_moment_;
  std::int64_t steps_ = 0;
};

enum class Schedule { constant, linear, cosine };
UNPACT_ENUMERATION(Schedule, "constant", "linear", "cosine");

/// @throws UserError naming the known schedules.
Schedule parse_schedule(const std::string& name);

/// The factor on the learning rate of step `step` (0-based) of `total`: linear warm-up from 0 over `warmup` steps, then
/// constant, linear to 0, or half a cosine to 0.
double schedule_factor(Schedule schedule, std::int64_t step, std::int64_t warmup, std::int64_t total);

/// Scales the gradients so that their 2-norm is at most `limit` (0: never), as torch.nn.utils.clip_grad_norm_ does.
/// @return the norm before scaling.
double clip_gradient_norm(at::Tensor& gradients, double limit);

/// The same for gradients whose norm is known, e.g. pieces of a longer vector.
void limit_norm(at::Tensor& gradients, double norm, double limit);

}  // namespace unpact
