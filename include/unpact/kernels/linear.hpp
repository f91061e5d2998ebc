#pragma once
/// Legend of shapes: R rows, D inputs, N outputs of a projection.
#include <ATen/core/Tensor.h>

#include <span>
#include <vector>

#include "unpact/kernels/result_memory.hpp"

namespace unpact::kernels {

/// A weight (N, D) and its bias (N), undefined for none.
struct Projection {
  at::Tensor weight_ND, bias_N;
};

/// x W^T + b of x (..., D), and the same for several weights.
at::Tensor linear(const at::Tensor& x, const Projection& projection);
std::vector<at::Tensor> linears(const at::Tensor& x, std::span<const Projection> projections);

/// The product that ends a block: under GraphOnly zero, with the graph.
at::Tensor last_linear(const at::Tensor& x, const Projection& projection);

/// Without gradients, into the memory given: x W^T + b of rows (R, D), and sum += x W^T + b.
at::Tensor linear_in(const ResultMemory& memory, const at::Tensor& x_RD, const Projection& projection);
void add_linear(at::Tensor sum_RN, const at::Tensor& x_RD, const Projection& projection);

/// The same for the few rows of a step of generation: in float32 on CPUs with AVX-512 by loops of our own, which read the
/// weights where they lie (a library puts them in another order first, at every product) and give a row the same bits
/// whatever runs beside it; elsewhere by the library.
at::Tensor row_linear_in(const ResultMemory& memory, const at::Tensor& x_RD, const Projection& projection);
void add_row_linear(at::Tensor sum_RN, const at::Tensor& x_RD, const Projection& projection);

}  // namespace unpact::kernels
