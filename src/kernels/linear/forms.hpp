#pragma once
#include "../form.hpp"
#include "unpact/kernels/linear.hpp"

namespace unpact::kernels {

/// Products are those of matrix_product.hpp, but for those of row_linear_in(); a node saves what lies between them.
Form linear_form(const at::Tensor& x, std::span<const Projection> projections);

namespace reference {
at::Tensor linear(const at::Tensor& x, const Projection& projection);
}  // namespace reference

namespace cpu {
/// Without gradients. @pre x, weights: float32, contiguous.
at::Tensor linear(const at::Tensor& x, const Projection& projection);
/// Whether this build and this machine have row_product().
bool has_row_products();
bool row_product_fits(const at::Tensor& out_RN, const at::Tensor& x_RD, const at::Tensor& weight_ND);
/// out = x W^T + b, or out += x W^T + b, by loops that add up every number's terms in their order: a row's bits depend
/// neither on how many others there are nor on threads. @pre it fits: float32; numbers of a row lie side by side.
void row_product(at::Tensor out_RN, const at::Tensor& x_RD, const Projection& projection, bool adds);
}  // namespace cpu

namespace node {
/// The input's gradient is added up inside the products.
std::vector<at::Tensor> linears(const at::Tensor& x, std::span<const Projection> projections);
/// The graph of one product, whose value is zero: what runs again for its gradients alone needs no more.
at::Tensor graph_of_linear(const at::Tensor& x, const Projection& projection);
}  // namespace node

}  // namespace unpact::kernels
