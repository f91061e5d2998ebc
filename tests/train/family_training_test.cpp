/// Twenty steps of AdamW on every family of models against PyTorch's of transformers' classes.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <map>

#include "support/parity.hpp"
#include "support/training_examples.hpp"
#include "unpact/train/trainer.hpp"

namespace unpact {
namespace {

using testing_support::Expected;
using testing_support::load_transformer;
using testing_support::parity;

/// The rows of the fixture, all of whose tokens but the first are targets.
testing_support::SharedExamples examples_of(const Expected& fixture) {
  auto examples = std::make_shared<std::vector<Example>>();
  const auto lengths = fixture.integers("lengths");
  const auto tokens_BS = fixture["tokens"];
  for (std::size_t b = 0; b < lengths.size(); ++b) {
    if (lengths[b] < 2) continue;
    const auto row = tokens_BS[static_cast<std::int64_t>(b)];
    Example example;
    for (std::int64_t t = 0; t < lengths[b]; ++t) {
      example.ids.push_back(static_cast<TokenId>(row[t].item<std::int64_t>()));
      example.has_loss.push_back(t > 0);
    }
    examples->push_back(std::move(example));
  }
  return examples;
}

class FamilyTraining : public testing::TestWithParam<std::string> {};

TEST_P(FamilyTraining, TwentyStepsAreThoseOfPyTorch) {
  UNPACT_NEED_PARITY(concat("trained/", GetParam(), ".safetensors"));
  const Expected before(concat(GetParam(), ".safetensors")), after(concat("trained/", GetParam(), ".safetensors"));
  const CrossEntropyTerm term(examples_of(before));
  TrainOptions options;  // as in oracle_models.py
  options.max_steps = after["losses"].size(0);
  options.batch_size = term.example_count();
  options.learning_rate = 1e-3;
  options.adamw = {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-5, .weight_decay = 0.01};
  options.clip_norm = 0;
  options.schedule = Schedule::constant;
  auto model = load_transformer(parity(GetParam()));
  const Communicator null;
  const auto alone = make_collectives(null, at::kCPU);
  const auto reports = train(model, {{&term, 1.0}}, options, *alone);
  ASSERT_EQ(static_cast<std::int64_t>(reports.size()), options.max_steps);
  for (std::size_t step = 0; step < reports.size(); ++step) {
    const auto expected = after["losses"][static_cast<std::int64_t>(step)].item<double>();
    EXPECT_NEAR(reports[step].loss, expected, 1e-4 * expected) << step;
  }
  EXPECT_LT(reports.back().loss, 0.9 * reports.front().loss) << "it learns";
  double difference = 0, size = 0;
  for (const auto& [name, tensor] : file_tensors(model.config(), model.weights())) {
    difference += (tensor - after[name]).square().sum().item<double>();
    size += after[name].square().sum().item<double>();
  }
  RecordProperty("relative", concat(std::sqrt(difference / size)));
  EXPECT_LE(std::sqrt(difference / size), 1e-4);
}

INSTANTIATE_TEST_SUITE_P(Of, FamilyTraining,
                         testing::Values("phi", "phi3", "gpt_neox", "gemma", "olmo2", "gemma2", "gemma3", "gpt_neo", "opt",
                                         "opt_post", "mixtral"),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace unpact
