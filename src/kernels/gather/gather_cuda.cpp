#include <ATen/ATen.h>

#include "forms.hpp"
#include "unpact/core/error.hpp"

#ifdef UNPACT_HAS_CUDA
#include "../cuda_tensors.hpp"
#include "gather_kernel.hpp"

namespace unpact::kernels {

Gathered cuda::gather_rows(const at::Tensor& stored_keys_XGd, const at::Tensor& stored_values_XGd, std::int64_t stored,
                           const at::Tensor& fresh_keys_RGd, const at::Tensor& fresh_values_RGd, const at::Tensor& index_R) {
  const auto row_bytes = fresh_keys_RGd.stride(0) * static_cast<std::int64_t>(fresh_keys_RGd.element_size());
  const auto rows_fit = [&](const at::Tensor& x) {
    return fits(x) && x.scalar_type() == fresh_keys_RGd.scalar_type() &&
           x.sizes().slice(1) == fresh_keys_RGd.sizes().slice(1) &&
           reinterpret_cast<std::uintptr_t>(x.const_data_ptr()) % 16 == 0;
  };
  UNPACT_EXPECT(row_bytes % 16 == 0 && rows_fit(fresh_keys_RGd) && rows_fit(fresh_values_RGd) &&
                same(fresh_values_RGd, fresh_keys_RGd));
  UNPACT_EXPECT(stored == 0 ||
                (rows_fit(stored_keys_XGd) && rows_fit(stored_values_XGd) && stored <= stored_keys_XGd.size(0)));
  UNPACT_EXPECT(index_R.is_cuda() && index_R.is_contiguous() && index_R.scalar_type() == at::kLong);
  const c10::cuda::CUDAGuard guard(fresh_keys_RGd.device());
  const at::IntArrayRef shape = fresh_keys_RGd.sizes();
  const auto room = [&] { return at::empty({index_R.numel(), shape[1], shape[2]}, fresh_keys_RGd.options()); };
  Gathered out{room(), room()};
  const auto pointer = [&](const at::Tensor& x) { return stored == 0 ? nullptr : x.const_data_ptr(); };
  const GatheredRows rows{pointer(stored_keys_XGd),
                          pointer(stored_values_XGd),
                          fresh_keys_RGd.const_data_ptr(),
                          fresh_values_RGd.const_data_ptr(),
                          index_R.const_data_ptr<std::int64_t>(),
                          out.keys_RGd.mutable_data_ptr(),
                          out.values_RGd.mutable_data_ptr(),
                          index_R.numel(),
                          stored,
                          row_bytes};
  UNPACT_CUDA_CALL(gather_rows(rows, stream_of(fresh_keys_RGd)));
  return out;
}

}  // namespace unpact::kernels
#else
namespace unpact::kernels {

Gathered cuda::gather_rows(const at::Tensor&, const at::Tensor&, std::int64_t, const at::Tensor&, const at::Tensor&,
                           const at::Tensor&) {
  UNPACT_EXPECT(false);
}

}  // namespace unpact::kernels
#endif
