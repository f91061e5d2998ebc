#include "form.hpp"

namespace unpact::kernels::cuda {

#ifdef UNPACT_HAS_CUDA
bool fits(const at::Tensor& x) {
  const auto dtype = x.scalar_type();
  return x.is_cuda() && x.is_contiguous() && (dtype == at::kFloat || dtype == at::kBFloat16 || dtype == at::kHalf);
}
#else
bool fits(const at::Tensor&) { return false; }
#endif

}  // namespace unpact::kernels::cuda
