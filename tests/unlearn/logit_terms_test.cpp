#include "../../src/unlearn/logit_terms.hpp"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/temporary_folder.hpp"
#include "support/loss_parity.hpp"

namespace unpact {
namespace {

using testing::HasSubstr;
using testing_support::differentiate;
using testing_support::LossParity;
using testing_support::message_of;
using testing_support::random_examples;
using testing_support::tiny_transformer;
using testing_support::value_of;

class LogitParity : public LossParity {};

TEST_F(LogitParity, NpoOnLogits) { expect_loss(NpoLogitTerm(forget_, *reference_, beta()), "npo_muse_logit"); }

TEST_F(LogitParity, Undial) { expect_loss(UndialTerm(forget_, *reference_, more_["undial"]), "undial"); }

TEST_F(LogitParity, CrossEntropyUnlearning) { expect_loss(CeuTerm(forget_, more_["skipped"]), "ceu"); }

TEST_F(LogitParity, Flatness) { expect_loss(FlatnessTerm(forget_), "pdu"); }

TEST(NpoLogitTerm, IsBlindToLabels) {
  const auto examples = random_examples(5, 1);
  auto unlabelled = std::make_shared<std::vector<Example>>(*examples);
  for (auto& example : *unlabelled) std::fill(example.has_loss.begin(), example.has_loss.end() - 1, std::uint8_t{0});
  const auto theta = tiny_transformer(1), reference = tiny_transformer(2);
  EXPECT_EQ(value_of(NpoLogitTerm(examples, reference, 0.1), theta),
            value_of(NpoLogitTerm(unlabelled, reference, 0.1), theta));
}

TEST(UndialTerm, LeavesAllButTheTargetsAlone) {
  // With beta so large that the target's probability is 0, the teacher is the reference without the target: the loss has
  // its minimum where the model is that teacher, which CE-U's value of the reference itself is.
  const auto examples = random_examples(5, 1);
  const auto model = tiny_transformer(1);
  EXPECT_NEAR(value_of(UndialTerm(examples, model, 1e4), model), value_of(CeuTerm(examples, 0), model), 1e-4);
}

TEST(CeuTerm, SkipsTheFirstTargetsOfEachExample) {
  const auto examples = random_examples(6, 1);
  const CeuTerm all(examples, 0), late(examples, 2), none(examples, 100);
  const std::vector<std::int64_t> first = {0, 1, 2, 3, 4, 5};
  std::int64_t expected = 0;
  for (const auto& example : *examples) expected += std::max<std::int64_t>(0, example.targets() - 2);
  EXPECT_EQ(all.targets(first), count_targets(*examples, first));
  EXPECT_EQ(late.targets(first), expected);
  EXPECT_EQ(none.normalizer(first), 0);
}

TEST(CeuTerm, StaysFiniteWhereTheTargetIsCertain) {
  auto theta = tiny_transformer(1);
  theta.weights().head_VD.mul_(200);
  const CeuTerm term(random_examples(8, 1), 0);
  const auto result = differentiate(theta, {{&term, 1.0}});
  EXPECT_TRUE(std::isfinite(result.value));
  for (const auto& [name, gradient] : result.gradients) EXPECT_TRUE(at::isfinite(gradient).all().item<bool>()) << name;
}

using FlatTopParity = testing_support::LossParity;

TEST_F(FlatTopParity, IsPytorchsWithAndWithoutWeights) {
  const std::int64_t flattened = more_["flattened"];
  expect_loss(FlatTopTerm(forget_, *reference_, flattened), "palu");
  expect_loss(FlatTopTerm(forget_, *reference_, flattened, TokenWeighting::given(forget_, given_weights())),
              "palu_weighted");
}

TEST(FlatTopTerm, IsOverWhereTheLogitsAreEqual) {
  const auto target = tiny_transformer(1);
  auto flat = tiny_transformer(2);
  flat.weights().head_VD.zero_();
  EXPECT_EQ(value_of(FlatTopTerm(random_examples(5, 1), target, 50), flat), 0);
  EXPECT_GT(value_of(FlatTopTerm(random_examples(5, 1), target, 1000000), target), 0) << "more than there are: all";
}

TEST(LogitTerms, RefuseABetaThatIsNotPositive) {
  const auto model = tiny_transformer(1);
  EXPECT_THAT(message_of<UserError>([&] { UndialTerm(random_examples(1, 1), model, 0.0); }), HasSubstr("method.beta"));
  EXPECT_THAT(message_of<UserError>([&] { NpoLogitTerm(random_examples(1, 1), model, -1.0); }), HasSubstr("method.beta"));
}

}  // namespace
}  // namespace unpact
