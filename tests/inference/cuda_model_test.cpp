// The model on a GPU gives the numbers of the CPU.
#include <gtest/gtest.h>

#include "support/cuda.hpp"
#include "support/parity.hpp"
#include "unpact/inference/generation.hpp"
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

constexpr double kGpuRounding = 5e-5;  // float32 sums in another order, through three blocks; logits are of size 10
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
  expect_close(there.logits(there.hidden(tokens.to(gpu_))).cpu(), model_.logits(model_.hidden(tokens)), kGpuRounding,
               "float32");
  const auto half = on_cuda(model_, at::kBFloat16);
  const auto rounded = testing_support::rounded(model_);
  expect_close(half.logits(half.hidden(tokens.to(gpu_))).cpu(), rounded.logits(rounded.hidden(tokens)), kHalfRounding,
               "bfloat16");
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
      expect_close(actual[i], expected[i], 1e-5 * std::max(1.0, expected[i].abs().max().item<double>()),
                   concat("weight ", i));
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
  expect_close(run(there, PackedAttention::fast), expected, kGpuRounding, "float32, fast");
  expect_close(run(there, PackedAttention::plain), expected, kGpuRounding, "float32, plain");
  const auto rounded = run(testing_support::rounded(model_), PackedAttention::plain);
  expect_close(run(half, PackedAttention::fast), rounded, kHalfRounding, "bfloat16, fast");
  expect_close(run(half, PackedAttention::plain), rounded, kHalfRounding, "bfloat16, plain");
}

TEST_P(CudaModel, ScoresAreThoseOfTheCpu) {
  std::vector<PromptAnswer> items;
  for (std::uint64_t i = 0; i < 6; ++i) items.push_back({random_ids(4 + 5 * i, i), random_ids(1 + i, 50 + i)});
  const auto expected = score_answers(model_, items), actual = score_answers(on_cuda(model_), items);
  for (std::size_t i = 0; i < items.size(); ++i)
    expect_close(at::tensor(actual[i]), at::tensor(expected[i]), kGpuRounding, concat("item ", i));
}

INSTANTIATE_TEST_SUITE_P(Models, CudaModel, testing::ValuesIn(testing_support::tiny_architectures()),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace unpact
