#include "src/kernels/matrix_product/forms.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <array>

#include "support/operations.hpp"

namespace unpact::kernels {
namespace {

using namespace testing_support;

struct Shape {
  std::int64_t rows, inputs, outputs;
};

/// Shapes of which the libraries share the work: rows that fill steps, that do not, few, many; some too small for oneDNN.
const std::vector<Shape> kShapes{{1, 3, 2},       {16, 512, 512}, {21, 512, 512}, {85, 384, 2048},
                                 {300, 129, 257}, {513, 96, 256}, {700, 64, 128}};

/// Sums of n terms near 1 in another order: n roundings of numbers near sqrt(n), 6e-8 of each, which add up like sqrt(n); the largest of a million
/// such errors is some five of them. Values reach 60, whose last rounding is 4e-6.
double tolerance(std::int64_t terms) { return 4e-7 * static_cast<double>(terms) + 4e-6; }

TEST(MatrixProduct, RowsTimesAWeightIsTheReferenceInDoublePrecision) {
  const c10::NoGradGuard guard;
  at::manual_seed(3);
  for (const auto& [rows, inputs, outputs] : kShapes) {
    SCOPED_TRACE(rows);
    const auto x = noise({rows, inputs}), w = noise({outputs, inputs}), sum = noise({rows, outputs});
    const auto expected = at::mm(x.to(at::kDouble), w.t().to(at::kDouble)).to(at::kFloat);
    expect_close(multiply_rows(x, w.t()), expected, tolerance(inputs), "x w^T");
    expect_close(multiply_rows(x, w.t().contiguous()), expected, tolerance(inputs), "x w");
    auto added = sum.clone();
    add_multiplied_rows(added, x, w.t());
    expect_close(added, sum + expected, tolerance(inputs), "added");
  }
}

TEST(MatrixProduct, OuterProductsAreTheReferenceInDoublePrecision) {
  const c10::NoGradGuard guard;
  at::manual_seed(4);
  for (const auto& [rows, inputs, outputs] : kShapes) {
    SCOPED_TRACE(rows);
    const auto a = noise({rows, outputs}), b = noise({rows, inputs}), sum = noise({outputs, inputs});
    auto added = sum.clone();
    add_outer_products(added, a, b);
    const auto expected = at::mm(a.t().to(at::kDouble), b.to(at::kDouble)).to(at::kFloat);
    expect_close(added, sum + expected, tolerance(rows), "sum + a^T b");
  }
}

TEST(MatrixProduct, OneDnnIsTheReference) {
  if (!onednn::is_faster_here()) GTEST_SKIP() << "this build or processor takes no products of oneDNN";
  const c10::NoGradGuard guard;
  at::manual_seed(5);
  for (const auto& [rows, inputs, outputs] : kShapes) {
    const auto a = noise({rows, inputs}), b = noise({outputs, inputs}).t(), sum = noise({rows, outputs});
    for (const bool adds : {false, true}) {
      auto one = sum.clone(), other = sum.clone();
      onednn::product(one, a, b, adds);
      reference::product(other, a, b, adds);
      expect_close(one, other, tolerance(inputs), adds ? "added" : "put");
    }
  }
}

TEST(MatrixProduct, OneDnnTakesLargeProductsOfFloatsAlone) {
  if (!onednn::is_faster_here()) GTEST_SKIP() << "this build or processor takes no products of oneDNN";
  const auto fits = [](const at::Tensor& out, const at::Tensor& a, const at::Tensor& b) { return onednn::fits(out, a, b); };
  const auto a = at::zeros({64, 512}), b = at::zeros({512, 512}), out = at::zeros({64, 512});
  EXPECT_TRUE(fits(out, a, b));
  EXPECT_TRUE(fits(out, a, b.t()));
  EXPECT_FALSE(fits(out.narrow(0, 0, 8), a.narrow(0, 0, 8), b)) << "few terms";
  EXPECT_FALSE(fits(at::zeros({512, 64}).t(), a, b)) << "an output in columns";
  EXPECT_FALSE(fits(out.to(at::kBFloat16), a.to(at::kBFloat16), b.to(at::kBFloat16))) << "another dtype";
}

TEST(MatrixProduct, OtherDtypesTakeTheReference) {
  const c10::NoGradGuard guard;
  const auto x = noise({40, 64}).to(at::kDouble), w = noise({64, 32}).to(at::kDouble);
  EXPECT_TRUE(at::equal(multiply_rows(x, w), at::mm(x, w)));
}

}  // namespace
}  // namespace unpact::kernels
