#include "forms.hpp"
#include "unpact/core/error.hpp"

#ifdef UNPACT_HAS_CUDA
#include "../cuda_tensors.hpp"
#include "rotary_kernel.hpp"

namespace unpact::kernels {

void cuda::rotate(const at::Tensor& x_RHd, const at::Tensor& cosine_Pd, const at::Tensor& sine_Pd, const at::Tensor& index_R,
                  float sign) {
  UNPACT_EXPECT(fits(x_RHd) && x_RHd.dim() == 3 && x_RHd.size(2) % 2 == 0);
  UNPACT_EXPECT(fits(cosine_Pd) && cosine_Pd.scalar_type() == at::kFloat && same(sine_Pd, cosine_Pd));
  const auto d = x_RHd.size(2);
  UNPACT_EXPECT(cosine_Pd.numel() % d == 0 &&
                (!index_R.defined() || (index_R.is_cuda() && index_R.is_contiguous() && index_R.numel() == x_RHd.size(0))));
  const c10::cuda::CUDAGuard guard(x_RHd.device());
  const Rotation rotation{x_RHd.mutable_data_ptr(),
                          cosine_Pd.const_data_ptr<float>(),
                          sine_Pd.const_data_ptr<float>(),
                          index_R.defined() ? index_R.const_data_ptr<std::int64_t>() : nullptr,
                          x_RHd.size(0),
                          cosine_Pd.numel() / d,
                          x_RHd.size(1),
                          d,
                          sign};
  UNPACT_CUDA_CALL(rotate(number_of(x_RHd), rotation, stream_of(x_RHd)));
}

}  // namespace unpact::kernels
#else
namespace unpact::kernels {

void cuda::rotate(const at::Tensor&, const at::Tensor&, const at::Tensor&, const at::Tensor&, float) {
  UNPACT_EXPECT(false);
}

}  // namespace unpact::kernels
#endif
