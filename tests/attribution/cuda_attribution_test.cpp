// Every attribution on a GPU gives the values of the CPU.
#include <gtest/gtest.h>

#include "support/attribution_settings.hpp"
#include "support/cuda.hpp"
#include "support/parity.hpp"
#include "support/tiny_language_model.hpp"
#include "unpact/attribution/method.hpp"

namespace unpact {
namespace {

using testing_support::expect_close;
using testing_support::on_cuda;
using testing_support::random_ids;
using testing_support::tiny_transformer;

std::vector<AttributionTask> cuda_tasks() {
  const auto prompt = random_ids(30, 4);
  return {
      {prompt, 1, 30, random_ids(5, 9)}, {prompt, 18, 25, random_ids(1, 8)}, {random_ids(3, 4), 1, 3, random_ids(20, 8)}};
}

class CudaAttribution : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { UNPACT_NEED_CUDA; }
  const Transformer model_ = tiny_transformer(1, testing_support::cuda_config_of(GetParam()));
};

TEST_P(CudaAttribution, ValuesAreThoseOfTheCpu) {
  const auto there = on_cuda(model_);
  for (const auto& name : testing_support::methods_of_ids()) {
    for (const auto kind : {EngineKind::shared_prefix, EngineKind::reference}) {
      auto settings = testing_support::small_settings(name);
      settings.engine = kind;
      const auto& engine = name_of_value(kind);
      const auto method = make_attribution_method(name, settings, 1, testing_support::ByteTokenizer());
      for (const auto& task : cuda_tasks()) {
        const auto expected = method->run(model_, task, 0), actual = method->run(there, task, 0);
        // Nats: float32 sums in another order. Gradients amplify it, and the surrogate solves with it.
        const bool amplifies = name == "lime" || name.find("gradient") != std::string::npos;
        expect_close(at::tensor(actual.values), at::tensor(expected.values), amplifies ? 1e-3 : 1e-4,
                     concat(name, ", ", engine));
        EXPECT_NEAR(actual.mean_log_probability, expected.mean_log_probability, 1e-4) << name;
      }
      if (name != "leave_one_out" && name != "hierarchical") break;  // the others have no engine
    }
  }
}

TEST_P(CudaAttribution, BothEnginesAgreeInBfloat16) {
  const auto half = on_cuda(model_, at::kBFloat16);
  const auto exact = on_cuda(testing_support::rounded(model_));
  for (const auto& task : cuda_tasks()) {
    const auto expected = ReferenceEngine().run(exact, task);
    for (const auto kind : {EngineKind::shared_prefix, EngineKind::reference}) {
      const auto& engine = name_of_value(kind);
      const auto actual = make_engine(kind, 0)->run(half, task);
      const auto difference = (at::tensor(actual.log_probabilities) - at::tensor(expected.log_probabilities)).abs();
      // Log-probabilities of size 10 from numbers of 8 bits: each is wrong by some hundredths, on the average less.
      EXPECT_LE(difference.mean().item<double>(), 0.05) << engine;
      EXPECT_LE(difference.max().item<double>(), 0.5) << engine;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, CudaAttribution, testing::ValuesIn(testing_support::tiny_architectures()),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace unpact
