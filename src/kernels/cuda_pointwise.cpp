#include "unpact/kernels/cuda_pointwise.hpp"

#include "unpact/core/error.hpp"

#ifdef UNPACT_HAS_CUDA
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include "unpact/core/cuda_check.hpp"
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

Gathered gather_rows(const at::Tensor& stored_keys_XGd, const at::Tensor& stored_values_XGd, std::int64_t stored,
                     const at::Tensor& fresh_keys_RGd, const at::Tensor& fresh_values_RGd, const at::Tensor& index_R) {
  const auto row_bytes = fresh_keys_RGd.stride(0) * static_cast<std::int64_t>(fresh_keys_RGd.element_size());
  const auto rows_fit = [&](const at::Tensor& x) {
    return fits(x) && x.scalar_type() == fresh_keys_RGd.scalar_type() && x.sizes().slice(1) == fresh_keys_RGd.sizes().slice(1) &&
           reinterpret_cast<std::uintptr_t>(x.const_data_ptr()) % 16 == 0;
  };
  UNPACT_EXPECT(row_bytes % 16 == 0 && rows_fit(fresh_keys_RGd) && rows_fit(fresh_values_RGd) && same(fresh_values_RGd, fresh_keys_RGd));
  UNPACT_EXPECT(stored == 0 || (rows_fit(stored_keys_XGd) && rows_fit(stored_values_XGd) && stored <= stored_keys_XGd.size(0)));
  UNPACT_EXPECT(index_R.is_cuda() && index_R.is_contiguous() && index_R.scalar_type() == at::kLong);
  const c10::cuda::CUDAGuard guard(fresh_keys_RGd.device());
  const at::IntArrayRef shape = fresh_keys_RGd.sizes();
  const auto room = [&] { return at::empty({index_R.numel(), shape[1], shape[2]}, fresh_keys_RGd.options()); };
  Gathered out{room(), room()};
  const auto pointer = [&](const at::Tensor& x) { return stored == 0 ? nullptr : x.const_data_ptr(); };
  const GatheredRows rows{pointer(stored_keys_XGd),          pointer(stored_values_XGd),
                          fresh_keys_RGd.const_data_ptr(),   fresh_values_RGd.const_data_ptr(),
                          index_R.const_data_ptr<std::int64_t>(),
                          out.keys_RGd.mutable_data_ptr(),   out.values_RGd.mutable_data_ptr(),
                          index_R.numel(),                   stored, row_bytes};
  UNPACT_CUDA_CALL(gather_rows(rows, stream_of(fresh_keys_RGd)));
  return out;
}

at::Tensor log_sum_exp(const at::Tensor& x_RV) {
  UNPACT_EXPECT(fits(x_RV) && x_RV.dim() == 2);
  const c10::cuda::CUDAGuard guard(x_RV.device());
  auto out_R = at::empty({x_RV.size(0)}, x_RV.options().dtype(at::kFloat).requires_grad(false));
  UNPACT_CUDA_CALL(log_sum_exp(number_of(x_RV), x_RV.const_data_ptr(), out_R.mutable_data_ptr<float>(), x_RV.size(0), x_RV.size(1),
                               stream_of(x_RV)));
  return out_R;
}

void log_softmax_slopes(const at::Tensor& logits_RV, const at::Tensor& normalizers_R, const at::Tensor& targets_R,
                        const at::Tensor& gradients_R) {
  const auto is_row_number = [&](const at::Tensor& x_R, at::ScalarType dtype) {
    return x_R.is_cuda() && x_R.is_contiguous() && x_R.scalar_type() == dtype && x_R.numel() == logits_RV.size(0);
  };
  UNPACT_EXPECT(fits(logits_RV) && is_row_number(targets_R, at::kLong));
  UNPACT_EXPECT(is_row_number(normalizers_R, at::kFloat) && is_row_number(gradients_R, at::kFloat));
  const c10::cuda::CUDAGuard guard(logits_RV.device());
  const LogSoftmaxSlopes slopes{logits_RV.mutable_data_ptr(),
                                normalizers_R.const_data_ptr<float>(),
                                gradients_R.const_data_ptr<float>(),
                                targets_R.const_data_ptr<std::int64_t>(),
                                logits_RV.size(0),
                                logits_RV.size(1)};
  UNPACT_CUDA_CALL(log_softmax_slopes(number_of(logits_RV), slopes, stream_of(logits_RV)));
}

}  // namespace unpact::cuda
#else
namespace unpact::cuda {

bool fits(const at::Tensor&) { return false; }

void rotate(const at::Tensor&, const at::Tensor&, const at::Tensor&, const at::Tensor&, float) { UNPACT_EXPECT(false); }

void silu_product(const at::Tensor&, const at::Tensor&, const at::Tensor&) { UNPACT_EXPECT(false); }

void silu_product_backward(const at::Tensor&, const at::Tensor&, const at::Tensor&, const at::Tensor&, const at::Tensor&) { UNPACT_EXPECT(false); }

Gathered gather_rows(const at::Tensor&, const at::Tensor&, std::int64_t, const at::Tensor&, const at::Tensor&, const at::Tensor&) {
  UNPACT_EXPECT(false);
}

at::Tensor log_sum_exp(const at::Tensor&) { UNPACT_EXPECT(false); }

void log_softmax_slopes(const at::Tensor&, const at::Tensor&, const at::Tensor&, const at::Tensor&) { UNPACT_EXPECT(false); }

}  // namespace unpact::cuda
#endif
