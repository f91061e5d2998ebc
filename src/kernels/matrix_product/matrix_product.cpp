#include <ATen/ATen.h>

#include "../linear/forms.hpp"
#include "forms.hpp"

namespace unpact::kernels {
namespace {

// oneDNN makes code for every shape that it meets, in about a millisecond, and keeps that of a thousand. Numbers of rows are arbitrary:
// it gets multiples of a step alone.
constexpr std::int64_t kStep = 16, kManyRows = 512, kStepOfMany = 128;
// The project's own loops fill vectors with kStep rows; a row alone would take as long. Below so many terms nothing matters.
constexpr std::int64_t kFewestRows = 4, kFewestTerms = 1 << 18;

std::int64_t largest_part(std::int64_t rows) {
  const auto step = rows < kManyRows ? kStep : kStepOfMany;
  return rows / step * step;
}

bool takes_own_loops(const at::Tensor& out_RN, const at::Tensor& x_RD, const at::Tensor& w_DN) {
  const auto rows = x_RD.size(0);
  return rows >= kFewestRows && rows < kManyRows && rows * w_DN.numel() >= kFewestTerms && onednn::is_faster_here() &&
         cpu::row_product_fits(out_RN, x_RD, w_DN.t());
}

void multiply(at::Tensor out_RN, const at::Tensor& x_RD, const at::Tensor& w_DN, bool adds) {
  if (takes_own_loops(out_RN, x_RD, w_DN)) return cpu::row_product(out_RN, x_RD, {w_DN.t(), {}}, adds);
  const auto rows = x_RD.size(0), part = onednn::fits(out_RN, x_RD, w_DN) ? largest_part(rows) : 0;
  if (part == 0) return reference::product(out_RN, x_RD, w_DN, adds);
  onednn::product(out_RN.narrow(0, 0, part), x_RD.narrow(0, 0, part), w_DN, adds);
  if (part < rows) multiply(out_RN.narrow(0, part, rows - part), x_RD.narrow(0, part, rows - part), w_DN, adds);
}

}  // namespace

void reference::product(at::Tensor out_MN, const at::Tensor& a_MK, const at::Tensor& b_KN, bool adds) {
  if (adds) out_MN.addmm_(a_MK, b_KN);
  else at::mm_out(out_MN, a_MK, b_KN);
}

void multiply_rows(at::Tensor out_RN, const at::Tensor& x_RD, const at::Tensor& w_DN) {
  multiply(out_RN, x_RD, w_DN, /*adds=*/false);
}

at::Tensor multiply_rows(const at::Tensor& x_RD, const at::Tensor& w_DN) {
  auto out_RN = at::empty({x_RD.size(0), w_DN.size(1)}, x_RD.options());
  multiply(out_RN, x_RD, w_DN, /*adds=*/false);
  return out_RN;
}

void add_multiplied_rows(at::Tensor sum_RN, const at::Tensor& x_RD, const at::Tensor& w_DN) {
  multiply(sum_RN, x_RD, w_DN, /*adds=*/true);
}

void add_outer_products(at::Tensor sum_ND, const at::Tensor& a_RN, const at::Tensor& b_RD) {
  const auto rows = a_RN.size(0);
  for (std::int64_t done = 0; done < rows;) {
    const auto a = a_RN.narrow(0, done, rows - done).t(), b = b_RD.narrow(0, done, rows - done);
    const auto part = largest_part(rows - done);
    if (part == 0 || !onednn::fits(sum_ND, a, b)) return reference::product(sum_ND, a, b, /*adds=*/true);
    onednn::product(sum_ND, a.narrow(1, 0, part), b.narrow(0, 0, part), /*adds=*/true);
    done += part;
  }
}

}  // namespace unpact::kernels
