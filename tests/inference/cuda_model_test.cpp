// The model on a GPU gives the numbers of the CPU, and the kernels for packed sequences those of the definition.
#include <gtest/gtest.h>

#include <limits>

#include "unpact/model/block_math.hpp"
#include "unpact/kernels/cuda_pointwise.hpp"
#include "unpact/kernels/fused_nodes.hpp"
#include "support/cuda.hpp"
#include "support/parity.hpp"
#include "unpact/inference/generation.hpp"
#include "unpact/kernels/log_softmax.hpp"
#include "unpact/inference/packed_pass.hpp"
#include "unpact/inference/scoring.hpp"

namespace unpact {
namespace {

using testing_support::cuda_config_of;
using testing_support::expect_close;
using testing_support::on_cuda;
using testing_support::random_ids;
using testing_support::row_of;
using testing_support::tiny_transformer;

constexpr double kRounding = 5e-5;  // float32 sums in another order, through three blocks; logits are of size 10
// bfloat16 has 8 bits: each of a dozen roundings in a row is wrong by up to 2^-9 of numbers of size 10.
constexpr double kHalfRounding = 0.25;

class CudaModel : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { UNPACT_NEED_CUDA; }
  Transformer model_ = tiny_transformer(1, cuda_config_of(GetParam()));
  const at::Device gpu_{at::kCUDA, 0};
};

TEST_P(CudaModel, LogitsAreThoseOfTheCpu) {
  const auto tokens = row_of(random_ids(40, 3));
  const auto there = on_cuda(model_);
  expect_close(there.logits(there.hidden(tokens.to(gpu_))).cpu(), model_.logits(model_.hidden(tokens)), kRounding, "float32");
  const auto half = on_cuda(model_, at::kBFloat16);
  const auto rounded = testing_support::rounded(model_);
  expect_close(half.logits(half.hidden(tokens.to(gpu_))).cpu(), rounded.logits(rounded.hidden(tokens)), kHalfRounding, "bfloat16");
}

TEST_P(CudaModel, GradientsAreThoseOfTheCpu) {
  const auto tokens = row_of(random_ids(30, 3));
  auto there = on_cuda(model_), here = model_;
  const auto gradients = [&](Transformer& model, const at::Tensor& ids, const SequenceLayout& layout) {
    for (auto& [name, tensor] : named_tensors(model.weights())) tensor.set_requires_grad(true).mutable_grad() = at::Tensor();
    model.logits(model.hidden(ids, layout)).square().mean().backward();
    std::vector<at::Tensor> all;
    for (auto& [name, tensor] : named_tensors(model.weights())) all.push_back(tensor.grad().cpu());
    return all;
  };
  for (const auto& layout : {SequenceLayout(), SequenceLayout::packed({11, 11, 3, 5})}) {
    const auto expected = gradients(here, tokens, layout), actual = gradients(there, tokens.to(gpu_), layout);
    for (std::size_t i = 0; i < actual.size(); ++i)
      expect_close(actual[i], expected[i], 1e-5 * std::max(1.0, expected[i].abs().max().item<double>()), concat("weight ", i));
  }
}

TEST_P(CudaModel, GreedyTextIsThatOfTheCpu) {
  std::vector<GenerationRequest> requests;
  for (std::uint64_t i = 0; i < 5; ++i) requests.push_back({random_ids(3 + 4 * i, 10 + i), i});
  GenerationOptions options;
  options.max_new_tokens = 12;
  EXPECT_EQ(generate(on_cuda(model_), requests, options), generate(model_, requests, options));
}

TEST_P(CudaModel, PackedKernelsAreTheDefinition) {
  const auto front = random_ids(17, 1), rows = random_ids(5 + 4 + 9 + 3, 2);
  const PackedRows packed{rows, {{0, 5, 17, 0, 0, 2}, {5, 4, 17, 0, 3, 3}, {9, 9, 6, 0, 0, 9}, {18, 3, 0, 0, 0, 1}}, {}};
  const auto run = [&](const Transformer& model, PackedAttention attention) {
    const c10::InferenceMode guard;
    PackedPass pass(model, attention);
    KeyValueStore store(model);
    pass.extend(store, front, 100);
    return pass.run(packed, store).cpu();
  };
  const auto expected = run(model_, PackedAttention::plain);
  const auto there = on_cuda(model_), half = on_cuda(model_, at::kBFloat16);
  expect_close(run(there, PackedAttention::fast), expected, kRounding, "float32, fast");
  expect_close(run(there, PackedAttention::plain), expected, kRounding, "float32, plain");
  const auto rounded = run(testing_support::rounded(model_), PackedAttention::plain);
  expect_close(run(half, PackedAttention::fast), rounded, kHalfRounding, "bfloat16, fast");
  expect_close(run(half, PackedAttention::plain), rounded, kHalfRounding, "bfloat16, plain");
}

TEST_P(CudaModel, ScoresAreThoseOfTheCpu) {
  std::vector<PromptAnswer> items;
  for (std::uint64_t i = 0; i < 6; ++i) items.push_back({random_ids(4 + 5 * i, i), random_ids(1 + i, 50 + i)});
  const auto expected = score_answers(model_, items), actual = score_answers(on_cuda(model_), items);
  for (std::size_t i = 0; i < items.size(); ++i) expect_close(at::tensor(actual[i]), at::tensor(expected[i]), kRounding, concat("item ", i));
}

class CudaKernels : public testing::TestWithParam<at::ScalarType> {
 protected:
  void SetUp() override { UNPACT_NEED_CUDA; }
  at::Tensor random(at::IntArrayRef shape) const { return at::randn(shape, at::TensorOptions(gpu_).dtype(GetParam())); }
  /// One rounding to the type, of numbers up to about 5 (or of products of two of them).
  double rounding() const { return GetParam() == at::kFloat ? 1e-5 : GetParam() == at::kHalf ? 0.02 : 0.12; }
  const at::Device gpu_{at::kCUDA, 0};
};

TEST_P(CudaKernels, RotationIsTheDefinition) {
  for (const auto& [rows, heads, d] : {std::tuple(7, 3, 128), std::tuple(5, 2, 64), std::tuple(9, 4, 6), std::tuple(1, 1, 2)}) {
    const auto x_RHd = random({rows, heads, d});
    const auto angles_Pd = at::rand({11, d / 2}, at::TensorOptions(gpu_)).repeat({1, 2}) * 7;
    const auto index_R = at::randint(11, {rows}, at::TensorOptions(gpu_).dtype(at::kLong));
    const auto cosine_Pd = angles_Pd.cos(), sine_Pd = angles_Pd.sin();
    const auto chosen = [&](const at::Tensor& table) { return table.index_select(0, index_R).unsqueeze(1).to(at::kDouble); };
    const auto expected = block_math::rotate(x_RHd.to(at::kDouble), chosen(cosine_Pd), chosen(sine_Pd));
    auto actual = x_RHd.clone();
    cuda::rotate(actual, cosine_Pd, sine_Pd, index_R, 1.0F);
    expect_close(actual.cpu(), expected.cpu(), rounding(), concat("forth, d = ", d));
    cuda::rotate(actual, cosine_Pd, sine_Pd, index_R, -1.0F);
    expect_close(actual.cpu(), x_RHd.cpu(), 2 * rounding(), concat("and back, d = ", d));
  }
}

TEST_P(CudaKernels, SiluProductAndItsGradientsAreTheDefinition) {
  for (const std::int64_t count : {1, 7, 8, 1000, 4099}) {
    const auto gate = random({count}), up = random({count}), slope = random({count});
    const auto gate64 = gate.to(at::kDouble).set_requires_grad(true), up64 = up.to(at::kDouble).set_requires_grad(true);
    const auto expected = at::silu(gate64) * up64;
    expected.backward(slope.to(at::kDouble));
    const auto g = gate.clone().set_requires_grad(true), u = up.clone().set_requires_grad(true);
    const auto actual = fused::silu_product(g, u);
    actual.backward(slope);
    expect_close(actual.detach().cpu(), expected.detach().cpu(), rounding(), concat(count));
    expect_close(g.grad().cpu(), gate64.grad().cpu(), 2 * rounding(), concat("gate, ", count));
    expect_close(u.grad().cpu(), up64.grad().cpu(), 2 * rounding(), concat("up, ", count));
  }
}

TEST_P(CudaKernels, LogSoftmaxEndsAreTheDefinition) {
  // A row of one pack, of no whole number of packs, and of more than a block's threads take at once.
  for (const std::int64_t width : {1, 8, 31, 1000, 4099, 32000}) {
    const auto logits_RV = random({5, width}) * 6, gradients_R = at::randn({5}, at::TensorOptions(gpu_));
    const auto targets_R = at::randint(width, {5}, at::TensorOptions(gpu_).dtype(at::kLong));
    auto exact_RV = logits_RV.to(at::kDouble).set_requires_grad(true);
    (exact_RV.log_softmax(1).gather(1, targets_R.unsqueeze(1)).squeeze(1) * gradients_R).sum().backward();
    auto slopes_RV = logits_RV.clone();
    const auto normalizers_R = log_normalizers(slopes_RV);
    EXPECT_EQ(normalizers_R.scalar_type(), at::kFloat);
    expect_close(normalizers_R.cpu(), exact_RV.detach().logsumexp(1).cpu(), 2e-5, concat("normalizers, ", width));  // values near 30
    log_softmax_gradient(slopes_RV, normalizers_R, targets_R, gradients_R);
    expect_close(slopes_RV.cpu(), exact_RV.grad().cpu(), rounding(), concat("gradient, ", width));
  }
}

TEST_P(CudaKernels, InfiniteLogitsAreNotHidden) {
  auto logits_RV = random({3, 5000});
  logits_RV[1][4321] = std::numeric_limits<float>::infinity();
  logits_RV[2][4321] = std::numeric_limits<float>::quiet_NaN();
  const auto finite_R = log_normalizers(logits_RV).isfinite().cpu();
  EXPECT_TRUE(finite_R[0].item<bool>());
  EXPECT_FALSE(finite_R[1].item<bool>());
  EXPECT_FALSE(finite_R[2].item<bool>());
}

TEST_P(CudaKernels, GatheredRowsAreThoseOfTheIndex) {
  const auto stored_keys = random({9, 2, 8}), stored_values = random({9, 2, 8}), keys = random({6, 2, 8}), values = random({6, 2, 8});
  const auto index_R = at::randint(7 + 6, {40}, at::TensorOptions(gpu_).dtype(at::kLong));
  const auto expected = [&](const at::Tensor& stored, const at::Tensor& fresh) {
    return at::cat({stored.narrow(0, 0, 7), fresh}).index_select(0, index_R);
  };
  const auto gathered = cuda::gather_rows(stored_keys, stored_values, 7, keys, values, index_R);
  EXPECT_TRUE(at::equal(gathered.keys_RGd, expected(stored_keys, keys)));
  EXPECT_TRUE(at::equal(gathered.values_RGd, expected(stored_values, values)));
  const auto fresh_alone = cuda::gather_rows({}, {}, 0, keys, values, index_R.remainder(6));
  EXPECT_TRUE(at::equal(fresh_alone.values_RGd, values.index_select(0, index_R.remainder(6))));
}

INSTANTIATE_TEST_SUITE_P(Types, CudaKernels, testing::Values(at::kFloat, at::kBFloat16, at::kHalf),
                         [](const auto& test) { return std::string(at::toString(test.param)); });

INSTANTIATE_TEST_SUITE_P(Models, CudaModel, testing::ValuesIn(testing_support::tiny_architectures()),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace unpact
