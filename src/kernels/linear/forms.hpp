#pragma once
#include "../form.hpp"
#include "unpact/kernels/linear.hpp"

namespace unpact::kernels {

/// Products are LibTorch's everywhere; a node saves what lies between them.
Form linear_form(const at::Tensor& x, std::span<const Projection> projections);

namespace reference {
at::Tensor linear(const at::Tensor& x, const Projection& projection);
}  // namespace reference

namespace node {
/// The input's gradient is added up inside the products.
std::vector<at::Tensor> linears(const at::Tensor& x, std::span<const Projection> projections);
/// The graph of one product, whose value is zero: what runs again for its gradients alone needs no more.
at::Tensor graph_of_linear(const at::Tensor& x, const Projection& projection);
}  // namespace node

}  // namespace unpact::kernels
