/// Contributions of an encoder's prompt: removal one by one by transformers, and what other methods say.
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/parity.hpp"
#include "support/tiny_models.hpp"
#include "text/tokenizers_for_tests.hpp"
#include "unpact/attribution/method.hpp"

namespace unpact {
namespace {

using testing::HasSubstr;
using testing_support::Expected;
using testing_support::message_of;

class EncoderPrompts : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { UNPACT_NEED_PARITY("t5_v11.safetensors"); }
  Transformer model() const { return testing_support::load_transformer(testing_support::parity(GetParam())); }
  /// Every token of the prompt but EOS at its end.
  static AttributionTask task(const Expected& expected, int item) {
    AttributionTask task;
    task.prompt = expected.integers(concat("prompt.", item));
    task.candidate_end = task.prompt.size() - 1;
    task.answer = expected.integers(concat("answer.", item));
    return task;
  }
};

TEST_P(EncoderPrompts, RemovalsAreThoseOfTransformersOneByOne) {
  const auto transformer = model();
  const Expected expected(GetParam() + ".safetensors");
  for (const int item : {1, 3}) {
    const auto wanted = expected[concat("removal.", item)];
    for (const auto kind : {EngineKind::shared_prefix, EngineKind::reference}) {
      for (const std::size_t budget : {0, 40}) {  // all together, and in passes of a few removals
        const auto scores = make_engine(kind, budget)->run(transformer, task(expected, item));
        const auto found = at::tensor(scores.log_probabilities).view(wanted.sizes());
        // float32, sums in another order: measured up to 3e-6
        testing_support::expect_close(found, wanted, 2e-5, concat("removal.", item));
        const auto mean = wanted.to(at::kDouble).mean(1);
        const auto contributions = scores.contributions();
        for (std::size_t i = 0; i < contributions.size(); ++i)
          EXPECT_NEAR(contributions[i], (mean[0] - mean[static_cast<std::int64_t>(i) + 1]).item<double>(), 2e-5);
      }
    }
  }
}

TEST_P(EncoderPrompts, OnlyRemovalsAreAttributed) {
  const auto transformer = model();
  const testing_support::ByteTokenizer tokenizer;
  for (const auto& name : attribution_methods()) {
    const bool removes = name == "leave_one_out" || name == "hierarchical";
    EXPECT_EQ(facts_of(name).takes_encoders, removes) << name;
    AttributionSettings settings;
    if (name == "baseline" || name == "integrated_gradients") settings.baseline = "5";
    const auto method = make_attribution_method(name, settings, 1, tokenizer);
    if (removes) {
      method->check_model(transformer);
      continue;
    }
    EXPECT_THAT(message_of<UserError>([&] { method->check_model(transformer); }),
                HasSubstr("it is an encoder with a decoder"))
        << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Of, EncoderPrompts, testing::Values("t5", "t5_v11"), [](const auto& test) { return test.param; });

}  // namespace
}  // namespace unpact
