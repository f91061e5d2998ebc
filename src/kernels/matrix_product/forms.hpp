#pragma once
#include "unpact/kernels/matrix_product.hpp"

namespace unpact::kernels {

namespace reference {
/// out = beta out + a b.
void product(at::Tensor out_MN, const at::Tensor& a_MK, const at::Tensor& b_KN, bool adds);
}  // namespace reference

namespace onednn {
/// Whether this build has it, and this processor is one on which it is faster.
bool is_faster_here();
/// Whether a product is one of those: float32 on the CPU, and so large that the call's own cost does not matter.
bool fits(const at::Tensor& out_MN, const at::Tensor& a_MK, const at::Tensor& b_KN);
/// out = beta out + a b. @pre fits() but for the size.
void product(at::Tensor out_MN, const at::Tensor& a_MK, const at::Tensor& b_KN, bool adds);
}  // namespace onednn

}  // namespace unpact::kernels
