#pragma once
#include "../cuda_number.hpp"

namespace unpact::kernels::cuda {

/// out = silu(gate) * up; out may be gate.
cudaError_t silu_product(Number number, const void* gate, const void* up, void* out, std::int64_t count,
                         cudaStream_t stream);

/// Gradients of silu(gate) * up; gate_gradient or up_gradient may be `gradient`.
cudaError_t silu_product_backward(Number number, const void* gate, const void* up, const void* gradient, void* gate_gradient,
                                  void* up_gradient, std::int64_t count, cudaStream_t stream);

}  // namespace unpact::kernels::cuda
