#include "forms.hpp"
#include "unpact/core/error.hpp"

#ifdef UNPACT_HAS_CUDA
#include "../cuda_tensors.hpp"
#include "gated_product_kernel.hpp"

namespace unpact::kernels {

void cuda::silu_product(const at::Tensor& gate, const at::Tensor& up, const at::Tensor& out) {
  UNPACT_EXPECT(fits(gate) && same(up, gate) && same(out, gate));
  const c10::cuda::CUDAGuard guard(gate.device());
  UNPACT_CUDA_CALL(silu_product(number_of(gate), gate.const_data_ptr(), up.const_data_ptr(), out.mutable_data_ptr(),
                                gate.numel(), stream_of(gate)));
}

void cuda::silu_product_backward(const at::Tensor& gate, const at::Tensor& up, const at::Tensor& gradient,
                                 const at::Tensor& gate_gradient, const at::Tensor& up_gradient) {
  UNPACT_EXPECT(fits(gate) && same(up, gate) && same(gradient, gate) && same(gate_gradient, gate) &&
                same(up_gradient, gate));
  const c10::cuda::CUDAGuard guard(gate.device());
  UNPACT_CUDA_CALL(silu_product_backward(number_of(gate), gate.const_data_ptr(), up.const_data_ptr(),
                                         gradient.const_data_ptr(), gate_gradient.mutable_data_ptr(),
                                         up_gradient.mutable_data_ptr(), gate.numel(), stream_of(gate)));
}

}  // namespace unpact::kernels
#else
namespace unpact::kernels {

void cuda::silu_product(const at::Tensor&, const at::Tensor&, const at::Tensor&) { UNPACT_EXPECT(false); }

void cuda::silu_product_backward(const at::Tensor&, const at::Tensor&, const at::Tensor&, const at::Tensor&,
                                 const at::Tensor&) {
  UNPACT_EXPECT(false);
}

}  // namespace unpact::kernels
#endif
