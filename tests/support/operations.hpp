#pragma once
/// For tests of kernels/: an operation's forms against its reference, values and gradients.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "support/cuda.hpp"
#include "support/parity.hpp"

namespace unpact::testing_support {

using Tensors = std::vector<at::Tensor>;
using Operation = std::function<at::Tensor(const Tensors&)>;

inline at::Tensor noise(at::IntArrayRef shape, double scale = 1) { return at::randn(shape) * scale; }

inline at::Tensor leaf(const at::Tensor& values) { return values.detach().clone().set_requires_grad(true); }

struct Result {
  at::Tensor value;
  Tensors gradients;
};

/// The value of operation(inputs), and the gradients of <value, direction> by all inputs.
inline Result differentiate(const Operation& operation, const Tensors& inputs, bool collecting = false) {
  Tensors leaves;
  for (const auto& input : inputs) leaves.push_back(leaf(input));
  if (collecting)
    for (auto& l : leaves) l.mutable_grad() = at::ones_like(l);
  const auto value = operation(leaves);
  at::manual_seed(99);
  (value * at::randn(value.sizes(), value.options())).sum().backward();
  Result result{value.detach(), {}};
  for (const auto& l : leaves) result.gradients.push_back(l.grad() - (collecting ? 1.0 : 0.0));
  return result;
}

inline void expect_bits(const Result& actual, const Result& expected, int threads) {
  EXPECT_TRUE(at::equal(actual.value, expected.value)) << threads << " threads";
  for (std::size_t i = 0; i < expected.gradients.size(); ++i)
    EXPECT_TRUE(at::equal(actual.gradients[i], expected.gradients[i])) << i << ", " << threads << " threads";
}

inline void expect_near(const Result& actual, const Result& expected, double tolerance, const std::string& what) {
  expect_close(actual.value, expected.value, tolerance, concat("value, ", what));
  for (std::size_t i = 0; i < expected.gradients.size(); ++i)
    expect_close(actual.gradients[i], expected.gradients[i], tolerance, concat("gradient ", i, ", ", what));
}

/// What threads may change: nothing, or the order of sums inside MKL's products, which goes by the number of threads.
enum class Threads { change_nothing, reorder_products };

/// A node and the reference agree, also where the leaves collect gradients already, with 1, 2 and 3 threads; the same bits on
/// repetition, and with any number of threads unless products are inside.
/// float32 sums of some hundred products in another order: 2e-5 of numbers near 1.
inline void expect_same(const Operation& node, const Operation& reference, const Tensors& inputs, double tolerance = 2e-5,
                        Threads effect = Threads::change_nothing) {
  const auto expected = differentiate(reference, inputs);
  const auto threads = at::get_num_threads();
  at::set_num_threads(1);
  const auto first = differentiate(node, inputs);
  expect_near(first, expected, tolerance, "against the reference");
  expect_near(differentiate(node, inputs, true), expected, tolerance, "collected");
  for (const int count : {1, 2, 3}) {
    at::set_num_threads(count);
    const auto again = differentiate(node, inputs);
    if (effect == Threads::change_nothing) {
      expect_bits(again, first, count);
    } else {
      expect_near(again, expected, tolerance, concat(count, " threads"));
      expect_bits(differentiate(node, inputs), again, count);
    }
  }
  at::set_num_threads(threads);
}

/// Central differences in float32: an error of 1e-7 / step beside step^2 of the third derivative.
inline void expect_slopes(const Operation& operation, const Tensors& inputs) {
  constexpr double kStep = 1e-2, kTolerance = 5e-3;
  const auto result = differentiate(operation, inputs);
  at::manual_seed(99);
  const auto direction = at::randn(result.value.sizes());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const auto way = at::randn(inputs[i].sizes());
    const auto at_step = [&](double step) {
      Tensors moved = inputs;
      for (auto& m : moved) m = m.clone();
      moved[i].add_(way, step);
      return (operation(moved).to(at::kDouble) * direction).sum().item<double>();
    };
    const double expected = (at_step(kStep) - at_step(-kStep)) / (2 * kStep);
    const double actual = (result.gradients[i] * way).sum().item<double>();
    EXPECT_NEAR(actual, expected, kTolerance * std::max(1.0, std::abs(expected))) << "input " << i;
  }
}

/// Forms for CUDA, in each precision that they take.
class OnCuda : public testing::TestWithParam<at::ScalarType> {
 protected:
  void SetUp() override { UNPACT_NEED_CUDA; }
  at::Tensor random(at::IntArrayRef shape) const { return at::randn(shape, at::TensorOptions(gpu_).dtype(GetParam())); }
  /// A whole last bit of numbers from 8 to 16 (products of two normal ones reach that): twice what one rounding takes. In
  /// float32 four of them, for sums of some hundred terms. An H200 showed 1.2e-6, 0.002 and 0.016 at most.
  double rounding() const { return GetParam() == at::kFloat ? 4e-6 : GetParam() == at::kHalf ? 0.0079 : 0.063; }
  const at::Device gpu_{at::kCUDA, 0};
};

#define UNPACT_ON_CUDA(Suite)                                                                   \
  INSTANTIATE_TEST_SUITE_P(Types, Suite, testing::Values(at::kFloat, at::kBFloat16, at::kHalf), \
                           [](const auto& test) { return std::string(at::toString(test.param)); })

}  // namespace unpact::testing_support
