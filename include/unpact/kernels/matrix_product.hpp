#pragma once
/// Products of matrices without gradients, by what is fastest (docs/benchmarks/products.md): LibTorch's usual library (MKL, cuBLAS), but on
/// processors with AVX-512 on which MKL does not use it, in float32, loops of our own for some rows and LibTorch's oneDNN for many.
/// Legend of shapes: R rows (their number differs from call to call), D inputs, N outputs.
#include <ATen/core/Tensor.h>

namespace unpact::kernels {

/// out = x w, of any device and dtype; w may be a transposed view.
void multiply_rows(at::Tensor out_RN, const at::Tensor& x_RD, const at::Tensor& w_DN);
at::Tensor multiply_rows(const at::Tensor& x_RD, const at::Tensor& w_DN);
/// sum += x w.
void add_multiplied_rows(at::Tensor sum_RN, const at::Tensor& x_RD, const at::Tensor& w_DN);
/// sum += a^T b, the sum over rows of their outer products: a weight's gradient.
void add_outer_products(at::Tensor sum_ND, const at::Tensor& a_RN, const at::Tensor& b_RD);

}  // namespace unpact::kernels
