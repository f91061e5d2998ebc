#include "../../src/unlearn/ascent_term.hpp"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "support/loss_parity.hpp"
#include "support/tiny_language_model.hpp"
#include "unpact/data/examples.hpp"

namespace unpact {
namespace {

using testing_support::LossParity;
using testing_support::random_examples;
using testing_support::tiny_language_model;
using testing_support::tiny_transformer;
using testing_support::value_of;

class AscentParity : public LossParity {};

TEST_F(AscentParity, Plain) { expect_loss(GradientAscentTerm(forget_), "ga"); }

TEST_F(AscentParity, GivenWeights) {
  expect_loss(GradientAscentTerm(forget_, TokenWeighting::entropy()), "etw");
  expect_loss(GradientAscentTerm(forget_, TokenWeighting::given(forget_, given_weights())), "ga_weighted");
}

TEST_F(AscentParity, WeightsByConfidence) {
  expect_loss(GradientAscentTerm(forget_, wga()), "wga");
  expect_loss(GradientAscentTerm(forget_, satimp()), "satimp");
}

TEST(GradientAscentTerm, IsTheNegativeOfCrossEntropy) {
  const auto examples = random_examples(6, 1);
  const auto model = tiny_transformer(1);
  EXPECT_NEAR(value_of(GradientAscentTerm(examples), model), -value_of(CrossEntropyTerm(examples), model), 1e-6);
}

/// Torch's own cross-entropy, which passes over labels of -100: all but one part of a text of bytes.
double cross_entropy_of(const Transformer& model, const std::string& before, const std::string& part,
                        const std::string& after) {
  std::vector<TokenId> ids = {1};
  std::vector<std::int64_t> labels = {-100};
  const auto add = [&](const std::string& text, bool counts) {
    for (const char c : text) {
      ids.push_back(c == '\0' ? 2 : 3 + static_cast<unsigned char>(c));
      labels.push_back(counts ? ids.back() : -100);
    }
  };
  add(before, false);
  add(part, true);
  add(after, false);
  const auto logits_SV = model.logits(model.hidden(testing_support::row_of(ids))).squeeze(0);
  const auto last = static_cast<std::int64_t>(ids.size()) - 1;
  return at::cross_entropy_loss(logits_SV.narrow(0, 0, last), at::tensor(labels, at::kLong).narrow(0, 1, last))
      .item<double>();
}

TEST(LossesOnTraces, AreThoseOfTorchOnTheirPart) {
  const auto model = tiny_language_model(3);
  PromptTemplate thinking;
  thinking.thought_begin = "<t>";
  thinking.thought_end = "</t>";
  QuestionAnswer pair{"Who?", "Ann", {}};
  pair.trace = "It was Ann.";
  const auto value = [&](LossOn loss_on) {
    const auto example = make_question_example(*model.tokenizer, thinking, pair, loss_on);
    return -value_of(GradientAscentTerm(std::make_shared<const std::vector<Example>>(1, example)), model.transformer);
  };
  const std::string prompt = "Question: Who?\nAnswer:<t>", trace = "It was Ann.</t>", answer = std::string(" Ann") + '\0';
  const auto& f = model.transformer;  // float32 on both sides, sums in another order
  EXPECT_NEAR(value(LossOn::answer), cross_entropy_of(f, prompt + trace, answer, ""), 1e-5);
  EXPECT_NEAR(value(LossOn::trace), cross_entropy_of(f, prompt, trace, answer), 1e-5);
  EXPECT_NEAR(value(LossOn::both), cross_entropy_of(f, prompt, trace + answer, ""), 1e-5);
  EXPECT_NEAR(value(LossOn::all), cross_entropy_of(f, "", prompt + trace + answer, ""), 1e-5);
}

TEST(GradientAscentTerm, WeightsOfOneChangeNothingAndZeroLeavesOut) {
  const auto examples = random_examples(2, 1);
  const auto model = tiny_transformer(1);
  TokenWeights ones, first_only;
  for (const auto& example : *examples) {
    ones.emplace_back(example.ids.size(), 1.0F);
    first_only.emplace_back(example.ids.size(), first_only.empty() ? 2.5F : 0.0F);
  }
  EXPECT_NEAR(value_of(GradientAscentTerm(examples, TokenWeighting::given(examples, ones)), model),
              value_of(GradientAscentTerm(examples), model), 1e-6);
  const auto first = std::make_shared<const std::vector<Example>>(1, examples->front());
  EXPECT_NEAR(value_of(GradientAscentTerm(examples, TokenWeighting::given(examples, first_only)), model),
              value_of(GradientAscentTerm(first), model), 1e-6);
}

}  // namespace
}  // namespace unpact
