// Attributions of a model that answers by two (Transformer::contrast_with): right, or refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "attribution/made_methods.hpp"
#include "support/attribution_settings.hpp"
#include "support/parity.hpp"
#include "support/tiny_language_model.hpp"
#include "unpact/attribution/method.hpp"
#include "unpact/inference/scoring.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing_support::expect_close;
using testing_support::kRounding;
using testing_support::message_of;
using testing_support::random_ids;
using testing_support::tiny_transformer;

Transformer pair_of(std::uint64_t second) {
  auto model = tiny_transformer(1);
  model.contrast_with(std::make_shared<const Transformer>(tiny_transformer(second)), 1.5);
  return model;
}

std::unique_ptr<AttributionMethod> method_of(const std::string& name) {
  return make_attribution_method(name, testing_support::small_settings(name), 1, testing_support::ByteTokenizer());
}

AttributionTask task() { return {random_ids(12, 4), 3, 9, random_ids(3, 9)}; }

class TwoModels : public testing::TestWithParam<std::string> {};

TEST_P(TwoModels, AreLookedAtBothOrRefused) {
  const auto method = method_of(GetParam());
  if (!facts_of(GetParam()).takes_two_models) {
    const auto refused = AllOf(HasSubstr(GetParam()), HasSubstr("two models"), HasSubstr("leave_one_out"));
    EXPECT_THAT(message_of<UserError>([&] { method->run(pair_of(2), task(), 0); }), refused);
    EXPECT_THAT(message_of<UserError>([&] { method->check_model(pair_of(2)); }), refused);
    EXPECT_NO_THROW(method->check_model(tiny_transformer(1)));
    return;
  }
  const auto plain = method->run(tiny_transformer(1), task(), 0), with_itself = method->run(pair_of(1), task(), 0),
             with_other = method->run(pair_of(2), task(), 0);
  // z - scale * relu(z - z) = z.
  expect_close(at::tensor(with_itself.values), at::tensor(plain.values), GetParam() == "lime" ? 5e-5 : kRounding,
               GetParam());
  EXPECT_GT((at::tensor(with_other.values) - at::tensor(plain.values)).abs().max().item<double>(), 1e-3)
      << "the second model counts";
  const double expected = mean_log_probability(score_answers(pair_of(2), {{task().prompt, task().answer}}).front());
  EXPECT_NEAR(with_other.mean_log_probability, expected, kRounding);
}

INSTANTIATE_TEST_SUITE_P(Methods, TwoModels, testing::ValuesIn(testing_support::methods_of_ids()),
                         [](const auto& test) { return test.param; });

TEST(TwoModelsTogether, AReplacedTokenIsReplacedForBoth) {
  const auto model = pair_of(2);
  const auto result = method_of("baseline")->run(model, task(), 0);
  for (std::size_t i = 0; i < task().candidates(); ++i) {
    auto other = task().prompt;
    other[task().candidate_begin + i] = 5;
    const double expected = mean_log_probability(score_answers(model, {{task().prompt, task().answer}}).front()) -
                            mean_log_probability(score_answers(model, {{other, task().answer}}).front());
    EXPECT_NEAR(result.values[i], expected, kRounding) << i;
  }
}

TEST(TwoModelsTogether, TheSharedPrefixEngineLeavesThemToTheReference) {
  EXPECT_TRUE(SharedPrefixEngine().is_reference_for(pair_of(2)));
  EXPECT_FALSE(SharedPrefixEngine().is_reference_for(tiny_transformer(1)));
  EXPECT_TRUE(ReferenceEngine().is_reference_for(tiny_transformer(1)));
  EXPECT_EQ(SharedPrefixEngine().run(pair_of(2), task()).log_probabilities,
            ReferenceEngine().run(pair_of(2), task()).log_probabilities);
}

}  // namespace
}  // namespace unpact
