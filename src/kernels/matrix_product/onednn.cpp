#include <ATen/ATen.h>

#include "forms.hpp"

#ifdef UNPACT_HAS_ONEDNN_PRODUCTS
// LibTorch exports it (ATen/native/mkldnn/Matmul.h) without installing the header; cmake/UnpactTorch.cmake looks whether it is there.
namespace at::native {
void mkldnn_matmul(const Tensor& a, const Tensor& b, const Tensor& out, float beta, float alpha);
}
#endif

namespace unpact::kernels::onednn {

#ifdef UNPACT_HAS_ONEDNN_PRODUCTS

// A call costs some 10 microseconds besides, in which MKL multiplies a quarter as much.
constexpr std::int64_t kFewestTerms = 1 << 22;

bool is_faster_here() {
  // MKL has AVX-512 for Intel's processors alone, elsewhere AVX2.
  static const bool faster = __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_is("intel") == 0;
  return faster;
}

bool fits(const at::Tensor& out_MN, const at::Tensor& a_MK, const at::Tensor& b_KN) {
  const auto fits_one = [](const at::Tensor& x) {
    return x.is_cpu() && x.scalar_type() == at::kFloat && (x.stride(0) == 1 || x.stride(1) == 1);
  };
  return is_faster_here() && a_MK.size(0) * a_MK.size(1) * b_KN.size(1) >= kFewestTerms && out_MN.is_contiguous() &&
         fits_one(out_MN) && fits_one(a_MK) && fits_one(b_KN);
}

void product(at::Tensor out_MN, const at::Tensor& a_MK, const at::Tensor& b_KN, bool adds) {
  at::native::mkldnn_matmul(a_MK, b_KN, out_MN, adds ? 1.0F : 0.0F, 1.0F);
}

#else

bool is_faster_here() { return false; }
bool fits(const at::Tensor& /*out_MN*/, const at::Tensor& /*a_MK*/, const at::Tensor& /*b_KN*/) { return false; }
void product(at::Tensor out_MN, const at::Tensor& a_MK, const at::Tensor& b_KN, bool adds) {
  reference::product(out_MN, a_MK, b_KN, adds);
}

#endif

}  // namespace unpact::kernels::onednn
