#include <ATen/ATen.h>

#include "forms.hpp"

namespace unpact::kernels {

Form gated_product_form(Activation activation, const at::Tensor& gate, const at::Tensor& up) {
  const auto form = form_of(gate);
  return activation == Activation::silu && form_of(up) == form ? form : Form::reference;
}

at::Tensor reference::gated_product(Activation activation, at::Tensor gate, const at::Tensor& up) {
  if (records_gradients()) return activated(activation, std::move(gate)) * up;
  return activated(activation, std::move(gate)).mul_(up);
}

at::Tensor gated_product(Activation activation, at::Tensor gate, const at::Tensor& up) {
  switch (gated_product_form(activation, gate, up)) {
    case Form::cpu:
      cpu::silu_product(gate.const_data_ptr<float>(), up.const_data_ptr<float>(), gate.mutable_data_ptr<float>(),
                        gate.numel());
      return gate;
    case Form::cuda: cuda::silu_product(gate, up, gate); return gate;
    case Form::node: return node::silu_product(gate, up);
    default: return reference::gated_product(activation, std::move(gate), up);
  }
}

at::Tensor activated(Activation activation, at::Tensor x) {
  if (activation == Activation::relu) return records_gradients() ? at::relu(x) : at::relu_(x);
  const bool is_silu = activation == Activation::silu;
  const auto* form = activation == Activation::gelu ? "none" : "tanh";
  if (records_gradients()) return is_silu ? at::silu(x) : at::gelu(x, form);
  return is_silu ? at::silu_(x) : at::gelu_(x, form);
}

}  // namespace unpact::kernels
