#include "unpact/train/optimizer.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "unpact/core/error.hpp"

namespace unpact {

AdamW::AdamW(const at::Tensor& values, AdamWOptions options, AdamWKernel kernel)
    : options_(options), kernel_(kernel), first_moment_(at::zeros_like(values)), second_moment_(at::zeros_like(values)) {}

void AdamW::step(at::Tensor& values, const at::Tensor& gradients, double learning_rate) {
  constexpr std::int64_t most = std::int64_t{1}
                                << 30;  // elements: far from where a kernel that counts in 32 bits would go wrong
  static_assert(most % kPieceMultiple == 0);
  begin_step();
  for (std::int64_t begin = 0; begin < values.numel(); begin += most) {
    const auto count = std::min(most, values.numel() - begin);
    step_piece(values.narrow(0, begin, count), gradients.narrow(0, begin, count), begin, learning_rate);
  }
}

void AdamW::step_piece(at::Tensor values, const at::Tensor& gradients, std::int64_t begin, double learning_rate) {
  const c10::NoGradGuard guard;
  UNPACT_EXPECT(steps_ > 0 && begin % kPieceMultiple == 0);
  auto first = first_moment_.narrow(0, begin, values.numel()), second = second_moment_.narrow(0, begin, values.numel());
  if (kernel_ == AdamWKernel::fused) return step_fused(values, gradients, first, second, learning_rate);
  values.mul_(1.0 - learning_rate * options_.weight_decay);
  first.lerp_(gradients, 1.0 - options_.beta1);
  second.mul_(options_.beta2).addcmul_(gradients, gradients, 1.0 - options_.beta2);
  const double correction1 = 1.0 - std::pow(options_.beta1, static_cast<double>(steps_));
  const double correction2 = 1.0 - std::pow(options_.beta2, static_cast<double>(steps_));
  const auto denominator = second.sqrt().div_(std::sqrt(correction2)).add_(options_.epsilon);
  values.addcdiv_(first, denominator, -learning_rate / correction1);
}

void AdamW::step_fused(at::Tensor& values, const at::Tensor& gradients, at::Tensor& first, at::Tensor& second,
                       double learning_rate) {
  if (values.numel() == 0) return;  // a rank may hold padding alone
  const auto steps = at::full({}, static_cast<double>(steps_), values.options().dtype(at::kFloat));
  at::_fused_adamw_({values}, {gradients.to(values.scalar_type())}, {first}, {second}, {}, {steps}, learning_rate,
                    options_.beta1, options_.beta2, options_.weight_decay, options_.epsilon, /*amsgrad=*/false,
                    /*maximize=*/false);
}

Schedule parse_schedule(const std::string& name) {
  if (name == "constant") return Schedule::constant;
  if (name == "linear") return Schedule::linear;
  if (name == "cosine") return Schedule::cosine;
  throw UserError(concat("unknown schedule '", name, "'"), "it decides how the learning rate falls",
                  "use constant, linear or cosine");
}

double schedule_factor(Schedule schedule, std::int64_t step, std::int64_t warmup, std::int64_t total) {
  if (step < warmup) return static_cast<double>(step) / static_cast<double>(std::max<std::int64_t>(1, warmup));
  if (schedule == Schedule::constant) return 1.0;
  const double progress =
      static_cast<double>(step - warmup) / static_cast<double>(std::max<std::int64_t>(1, total - warmup));
  if (schedule == Schedule::linear) return std::max(0.0, 1.0 - progress);
  return std::max(0.0, 0.5 * (1.0 + std::cos(std::numbers::pi * progress)));
}

double clip_gradient_norm(at::Tensor& gradients, double limit) {
  const c10::NoGradGuard guard;
  const double norm = gradients.norm().item<double>();
  limit_norm(gradients, norm, limit);
  return norm;
}

void limit_norm(at::Tensor& gradients, double norm, double limit) {
  const c10::NoGradGuard guard;
  const double factor = limit / (norm + 1e-6);
  if (limit > 0 && std::isfinite(norm) && factor < 1.0) gradients.mul_(factor);
}

}  // namespace unpact
