#pragma once
#include <cstdint>

#include "../form.hpp"
#include "unpact/kernels/gated_product.hpp"

namespace unpact::kernels {

/// Only the product with SiLU has other forms than the reference.
Form gated_product_form(Activation activation, const at::Tensor& gate, const at::Tensor& up);

namespace reference {
at::Tensor gated_product(Activation activation, at::Tensor gate, const at::Tensor& up);
}  // namespace reference

namespace cpu {
/// out = gate * sigmoid(gate) * up, element by element; `out` may be `gate`.
void silu_product(const float* gate, const float* up, float* out, std::int64_t count);
/// Gradients of the same.
void silu_product_backward(const float* gate, const float* up, const float* gradient, float* gate_gradient,
                           float* up_gradient, std::int64_t count);
}  // namespace cpu

namespace cuda {
/// out = silu(gate) * up; out may be gate.
void silu_product(const at::Tensor& gate, const at::Tensor& up, const at::Tensor& out);
void silu_product_backward(const at::Tensor& gate, const at::Tensor& up, const at::Tensor& gradient,
                           const at::Tensor& gate_gradient, const at::Tensor& up_gradient);
}  // namespace cuda

namespace node {
/// silu(gate) * up on the CPU or CUDA. The gate's sigmoid is computed again in the backward pass.
at::Tensor silu_product(const at::Tensor& gate, const at::Tensor& up);
}  // namespace node

}  // namespace unpact::kernels
