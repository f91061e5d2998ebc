#include "cuda_pointwise.hpp"

#include "unpact/core/error.hpp"

#ifdef UNPACT_HAS_CUDA
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include "unpact/comm/cuda_check.hpp"
#include "cuda_kernels.hpp"

namespace unpact::cuda {
namespace {

Number number_of(const at::Tensor& x) {
  if (x.scalar_type() == at::kFloat) return Number::float32;
  return x.scalar_type() == at::kBFloat16 ? Number::bfloat16 : Number::float16;
}

cudaStream_t stream_of(const at::Tensor& x) { return c10::cuda::getCurrentCUDAStream(x.device().index()).stream(); }

bool same(const at::Tensor& a, const at::Tensor& b) { return fits(a) && a.scalar_type() == b.scalar_type() && a.sizes() == b.sizes(); }

}  // namespace

bool fits(const at::Tensor& x) {
  const auto dtype = x.scalar_type();
  return x.is_cuda() && x.is_contiguous() && (dtype == at::kFloat || dtype == at::kBFloat16 || dtype == at::kHalf);
}

void rotate(const at::Tensor& x_RHd, const at::Tensor& cosine_Pd, const at::Tensor& sine_Pd, const at::Tensor& index_R, float sign) {
  UNPACT_EXPECT(fits(x_RHd) && x_RHd.dim() == 3 && x_RHd.size(2) % 2 == 0);
  UNPACT_EXPECT(fits(cosine_Pd) && cosine_Pd.scalar_type() == at::kFloat && same(sine_Pd, cosine_Pd));
  const auto d = x_RHd.size(2);
  UNPACT_EXPECT(cosine_Pd.numel() % d == 0 && (!index_R.defined() || (index_R.is_cuda() && index_R.is_contiguous() && index_R.numel() == x_RHd.size(0))));
  const c10::cuda::CUDAGuard guard(x_RHd.device());
  const Rotation rotation{x_RHd.mutable_data_ptr(), cosine_Pd.const_data_ptr<float>(), sine_Pd.const_data_ptr<float>(),
                          index_R.defined() ? index_R.const_data_ptr<std::int64_t>() : nullptr, x_RHd.size(0), cosine_Pd.numel() / d,
                          x_RHd.size(1), d, sign};
  UNPACT_CUDA_CALL(rotate(number_of(x_RHd), rotation, stream_of(x_RHd)));
}

void silu_product(const at::Tensor& gate, const at::Tensor& up, const at::Tensor& out) {
  UNPACT_EXPECT(fits(gate) && same(up, gate) && same(out, gate));
  const c10::cuda::CUDAGuard guard(gate.device());
  UNPACT_CUDA_CALL(silu_product(number_of(gate), gate.const_data_ptr(), up.const_data_ptr(), out.mutable_data_ptr(), gate.numel(), stream_of(gate)));
}

void silu_product_backward(const at::Tensor& gate, const at::Tensor& up, const at::Tensor& gradient, const at::Tensor& gate_gradient,
                           const at::Tensor& up_gradient) {
  UNPACT_EXPECT(fits(gate) && same(up, gate) && same(gradient, gate) && same(gate_gradient, gate) && same(up_gradient, gate));
  const c10::cuda::CUDAGuard guard(gate.device());
  UNPACT_CUDA_CALL(silu_product_backward(number_of(gate), gate.const_data_ptr(), up.const_data_ptr(), gradient.const_data_ptr(),
                                         gate_gradient.mutable_data_ptr(), up_gradient.mutable_data_ptr(), gate.numel(), stream_of(gate)));
}

}  // namespace unpact::cuda
#else
namespace unpact::cuda {

bool fits(const at::Tensor&) { return false; }

void rotate(const at::Tensor&, const at::Tensor&, const at::Tensor&, const at::Tensor&, float) { UNPACT_EXPECT(false); }

void silu_product(const at::Tensor&, const at::Tensor&, const at::Tensor&) { UNPACT_EXPECT(false); }

void silu_product_backward(const at::Tensor&, const at::Tensor&, const at::Tensor&, const at::Tensor&, const at::Tensor&) { UNPACT_EXPECT(false); }

}  // namespace unpact::cuda
#endif
