#include "unpact/kernels/soft_cap.hpp"

#include <ATen/ATen.h>

namespace unpact::kernels {

at::Tensor soft_capped(const at::Tensor& x, double cap) { return cap == 0 ? x : at::tanh(x / cap) * cap; }

void soft_cap_in_place(at::Tensor x, double cap) {
  if (cap != 0) x.div_(cap).tanh_().mul_(cap);
}

void soft_cap_backward(at::Tensor gradient, const at::Tensor& capped, double cap) {
  if (cap != 0) gradient.mul_(1 - (capped.to(at::kFloat) / cap).square());
}

}  // namespace unpact::kernels
