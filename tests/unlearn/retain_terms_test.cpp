#include "../../src/unlearn/retain_terms.hpp"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/temporary_folder.hpp"
#include "support/loss_parity.hpp"

namespace unpact {
namespace {

using testing::HasSubstr;
using testing_support::differentiate;
using testing_support::log_probabilities;
using testing_support::LossParity;
using testing_support::message_of;
using testing_support::random_examples;
using testing_support::tiny_transformer;
using testing_support::value_of;

class KlParity : public LossParity {};

TEST_F(KlParity, ValueAndGradientsAreThoseOfPyTorch) {
  expect_loss(KlTerm(retain_, *reference_), "kl");
  expect_loss(KlTerm(retain_, *reference_, KlVariant::all_positions), "kl_all_positions");
  expect_loss(KlTerm(retain_, *reference_, KlVariant::muse_logit), "kl_muse_logit");
}

TEST_F(KlParity, JensenShannonIsThatOfPyTorch) { expect_loss(JsdTerm(retain_, *reference_), "jsd"); }

TEST(KlTerm, CachedStatesGiveTheReferencesProbabilities) {
  const auto examples = random_examples(9, 1);
  const auto theta = tiny_transformer(1), reference = tiny_transformer(2);
  const KlTerm term(examples, reference);
  const std::vector<std::int64_t> chosen = {8, 2, 2, 0};
  double expected = 0, targets = 0;
  for (const auto index : chosen) {
    const auto& example = (*examples)[static_cast<std::size_t>(index)];
    const auto p = log_probabilities(reference, example.ids), q = log_probabilities(theta, example.ids);
    const auto divergence_S = (p.exp() * (p - q)).sum(1);
    for (std::size_t t = 1; t < example.ids.size(); ++t) {
      if (!example.has_loss[t]) continue;
      expected += divergence_S[static_cast<std::int64_t>(t) - 1].item<double>();
      ++targets;
    }
  }
  EXPECT_NEAR(term.sum(theta, chosen).item<double>(), expected, 1e-4);
  EXPECT_EQ(term.normalizer(chosen), targets);
  EXPECT_GT(expected, 0.1);
}

TEST(KlTerm, VanishesAtTheReference) {
  auto model = tiny_transformer(1);
  const auto reference = tiny_transformer(1);
  const KlTerm term(random_examples(5, 1), reference);
  EXPECT_NEAR(value_of(term, model), 0.0, 1e-6);
  for (const auto& [name, gradient] : differentiate(model, {{&term, 1.0}}).gradients)
    EXPECT_LT(gradient.abs().max().item<double>(), 1e-6) << name;
}

TEST(KlTerm, LeavesTheReferenceWithoutGradient) {
  auto theta = tiny_transformer(1);
  const auto reference = tiny_transformer(2);
  const KlTerm term(random_examples(5, 1), reference);
  differentiate(theta, {{&term, 1.0}});
  for (const auto& [name, tensor] : named_tensors(reference.weights())) EXPECT_FALSE(tensor.grad().defined()) << name;
}

}  // namespace
}  // namespace unpact
