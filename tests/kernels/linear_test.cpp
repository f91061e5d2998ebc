#include "src/kernels/linear/forms.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "support/operations.hpp"
#include "unpact/kernels/graph_only.hpp"

namespace unpact::kernels {
namespace {

using namespace testing_support;

TEST(LinearNode, IsTheReference) {
  at::manual_seed(5);
  const auto joined = [](Tensors outputs) { return at::cat(outputs, -1); };
  const Operation node = [&](const Tensors& t) {
    return joined(node::linears(t[0], std::vector<Projection>{{t[1], t[2]}, {t[3], {}}}));
  };
  const Operation by_definition = [&](const Tensors& t) {
    return joined({reference::linear(t[0], {t[1], t[2]}), reference::linear(t[0], {t[3], {}})});
  };
  const Tensors inputs{noise({2, 5, 8}), noise({6, 8}), noise({6}), noise({3, 8})};
  expect_same(node, by_definition, inputs, 2e-5, Threads::reorder_products);
}

TEST(LinearNode, GradientsThatNobodyWantsAreNotComputed) {
  const auto x = noise({4, 3}), frozen = noise({2, 3}), trained = leaf(noise({5, 3}));
  const auto outputs = node::linears(x, std::vector<Projection>{{frozen, {}}, {trained, {}}});
  outputs[1].sum().backward();
  EXPECT_FALSE(frozen.grad().defined());
  expect_close(trained.grad(), x.sum(0).expand({5, 3}), 1e-6, "gradient");
  EXPECT_FALSE(node::linears(x, std::vector<Projection>{{frozen, {}}})[0].requires_grad());
}

TEST(LinearNode, WithoutTheLastProductTheGradientsAreTheSameBits) {
  at::manual_seed(10);
  const Operation operation = [](const Tensors& t) { return last_linear(t[0], {t[1], t[2]}); };
  const Tensors inputs{noise({2, 3, 8}), noise({5, 8}), noise({5})};
  const auto full = differentiate(operation, inputs);
  const GraphOnly nobody_reads_the_output;
  const auto graph = differentiate(operation, inputs);
  EXPECT_TRUE(at::equal(graph.value, at::zeros({2, 3, 5})));
  for (std::size_t i = 0; i < inputs.size(); ++i) EXPECT_TRUE(at::equal(graph.gradients[i], full.gradients[i])) << i;
}

TEST(Linear, OtherInputsTakeTheReference) {
  const auto x = noise({3, 8});
  const std::vector<Projection> weights{{noise({5, 8}), {}}}, half{{noise({5, 8}).to(at::kBFloat16), {}}};
  EXPECT_EQ(linear_form(x, weights), Form::node);
  EXPECT_EQ(linear_form(x, half), Form::reference);
  EXPECT_EQ(linear_form(noise({8, 3}).t(), weights), Form::reference);
  const c10::NoGradGuard guard;
  EXPECT_EQ(linear_form(x, weights), Form::cpu);
  EXPECT_TRUE(at::equal(linear(x, weights[0]), reference::linear(x, weights[0])));
}

TEST(Linear, IntoMemoryIsTheReference) {
  const c10::NoGradGuard guard;
  at::manual_seed(11);
  const auto x = noise({3, 8}), weight = noise({5, 8}), bias = noise({5}), sum = noise({3, 5}), room = at::empty({3, 5});
  const ResultMemory memory = [&](at::IntArrayRef, const at::TensorOptions&) { return room; };
  for (const auto& projection : {Projection{weight, bias}, Projection{weight, {}}}) {
    const auto expected = reference::linear(x, projection);
    EXPECT_TRUE(linear_in(memory, x, projection).is_same(room));
    expect_close(room, expected, 2e-6, "into memory");
    auto added = sum.clone();
    add_linear(added, x, projection);
    expect_close(added, sum + expected, 4e-6, "added");
  }
}

/// Numbers of rows, inputs and outputs that fill vectors and tiles, and that do not; more rows than a cache holds.
TEST(RowLinear, IsTheReference) {
  const c10::NoGradGuard guard;
  at::manual_seed(12);
  for (const auto& [rows, inputs, outputs] : std::vector<std::array<std::int64_t, 3>>{
           {1, 1, 1}, {3, 8, 5}, {16, 33, 8}, {17, 64, 24}, {33, 7, 19}, {80, 96, 40}, {1100, 260, 17}}) {
    const auto x = noise({rows, inputs}), weight = noise({outputs, inputs}), bias = noise({outputs});
    auto sum = noise({rows, outputs + 3}).narrow(1, 1, outputs);  // a part of longer rows
    const ResultMemory memory = [](at::IntArrayRef shape, const at::TensorOptions& options) {
      return at::full(shape, NAN, options);
    };
    for (const auto& projection : {Projection{weight, bias}, Projection{weight, {}}}) {
      const auto expected = reference::linear(x, projection);
      const double rounding = 5e-7 * (8 + static_cast<double>(inputs));  // sums of so many numbers of size one
      expect_close(row_linear_in(memory, x, projection), expected, rounding, concat(rows, " rows"));
      auto added = sum.clone();
      add_row_linear(added, x, projection);
      expect_close(added, sum + expected, rounding, concat(rows, " rows added"));
    }
  }
}

TEST(RowLinear, ARowHasTheSameBitsAmongAnyOthers) {
  if (!cpu::has_row_products()) GTEST_SKIP() << "this build or this machine leaves products to the library";
  const c10::NoGradGuard guard;
  at::manual_seed(13);
  const auto x = noise({150, 4200}), weight = noise({43, 4200});
  const ResultMemory memory = [](at::IntArrayRef shape, const at::TensorOptions& options) {
    return at::empty(shape, options);
  };
  const auto all = row_linear_in(memory, x, {weight, {}});
  for (const std::int64_t first : {0, 1, 16, 77}) {
    for (const std::int64_t rows : {1, 2, 15, 16, 17, 31, 32, 33, 73}) {
      const auto some = row_linear_in(memory, x.narrow(0, first, rows), {weight, {}});
      EXPECT_TRUE(at::equal(some, all.narrow(0, first, rows))) << first << " and " << rows;
    }
  }
}

class LinearOnCuda : public OnCuda {};
TEST_P(LinearOnCuda, IsTheReferenceItself) {
  EXPECT_EQ(linear_form(random({3, 8}), std::vector<Projection>{{random({5, 8}), {}}}), Form::reference);
}
UNPACT_ON_CUDA(LinearOnCuda);

}  // namespace
}  // namespace unpact::kernels
