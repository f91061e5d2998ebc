// Every method against its definition, computed another way, by hand.
#include "unpact/attribution/method.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "attribution/made_methods.hpp"
#include "support/parity.hpp"
#include "support/tiny_architectures.hpp"
#include "unpact/inference/scoring.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing_support::expect_close;
using testing_support::floats;
using testing_support::kRounding;
using testing_support::make;
using testing_support::message_of;
using testing_support::random_ids;
using testing_support::sum_of;
using testing_support::tiny_transformer;
using testing_support::with_baseline;

class MethodOnArchitecture : public testing::TestWithParam<std::string> {};

/// Attention weights of hand-made masks, in a whole pass: row q sees column k <= q, but column `blocked` only on the
/// diagonal.
class BlockedByHand : public CausalContext {
 public:
  explicit BlockedByHand(std::int64_t blocked) : blocked_(blocked) {}
  KeysValues extend(std::int64_t layer, at::Tensor keys, at::Tensor values) override {
    length_ = keys.size(2);
    return CausalContext::extend(layer, std::move(keys), std::move(values));
  }
  at::Tensor mask(std::int64_t window) const override {
    auto mask = at::zeros({length_, length_}, at::kBool);
    for (std::int64_t q = 0; q < length_; ++q)
      for (std::int64_t k = 0; k <= q; ++k)
        if ((window == 0 || k > q - window) && (k != blocked_ || q == k)) mask[q][k] = true;
    return mask;
  }

 private:
  std::int64_t blocked_, length_ = 0;
};

double score_with(const Transformer& model, const AttributionTask& task, AttentionContext& context) {
  auto ids = task.prompt;
  ids.insert(ids.end(), task.answer.begin(), task.answer.end() - 1);
  const auto tokens = testing_support::row_of(ids);
  const auto logits = model.logits(model.hidden(tokens, at::arange(tokens.size(1), at::kLong), context))
                          .squeeze(0)
                          .to(at::kDouble)
                          .log_softmax(1);
  double sum = 0;
  for (std::size_t k = 0; k < task.answer.size(); ++k)
    sum += logits[static_cast<std::int64_t>(task.prompt.size() - 1 + k)][task.answer[k]].item<double>();
  return sum / static_cast<double>(task.answer.size());
}

std::vector<AttributionTask> tasks() {
  const auto prompt = random_ids(30, 4);
  return {
      {prompt, 0, 30, random_ids(5, 9)}, {prompt, 12, 25, random_ids(1, 8)}, {random_ids(3, 4), 1, 3, random_ids(20, 8)}};
}

TEST_P(MethodOnArchitecture, InPlaceMaskIsOneFullPassForEachCandidate) {
  const auto model = testing_support::tiny_transformer_of(GetParam());
  for (const auto& task : tasks()) {
    CausalContext open;
    const double base = score_with(model, task, open);
    for (const std::size_t budget : {1, 64, 4096}) {
      const auto result = make("in_place_mask", {}, budget)->run(model, task, 0);
      ASSERT_EQ(result.values.size(), task.candidates());
      for (std::size_t i = 0; i < task.candidates(); ++i) {
        BlockedByHand blocked(static_cast<std::int64_t>(task.candidate_begin + i));
        EXPECT_NEAR(result.values[i], base - score_with(model, task, blocked), kRounding) << i << " budget " << budget;
      }
    }
  }
}

TEST_P(MethodOnArchitecture, BaselineIsOneFullPassForEachCandidate) {
  const auto model = testing_support::tiny_transformer_of(GetParam());
  for (const auto& task : tasks()) {
    const double base = mean_log_probability(score_answers(model, {{task.prompt, task.answer}}).front());
    for (const std::size_t budget : {1, 64, 4096}) {
      const auto result = make("baseline", with_baseline("3"), budget)->run(model, task, 0);
      for (std::size_t i = 0; i < task.candidates(); ++i) {
        auto other = task.prompt;
        other[task.candidate_begin + i] = 3;
        EXPECT_NEAR(result.values[i], base - mean_log_probability(score_answers(model, {{other, task.answer}}).front()),
                    kRounding);
      }
    }
  }
}

/// Where a router chooses another expert the answer's log-probability jumps: derivatives and integrals are those of the
/// pieces, so that it chooses all of them here.
Transformer without_jumps(const std::string& name) {
  auto config = testing_support::tiny_config_of(name);
  config.block.experts_per_token = config.block.experts;
  return tiny_transformer(1, config);
}

TEST_P(MethodOnArchitecture, GradientIsTheDifferenceQuotient) {
  const auto model = without_jumps(GetParam());
  const bool has_kinks = model.config().block.activation == Activation::relu;
  const AttributionTask task{random_ids(12, 4), 3, 7, random_ids(3, 9)};
  const auto result = make("gradient_x_input")->run(model, task, 0);
  auto ids = task.prompt;
  ids.insert(ids.end(), task.answer.begin(), task.answer.end() - 1);
  const auto x = model.embed(testing_support::row_of(ids));
  for (std::size_t i = 0; i < task.candidates(); ++i) {
    const auto scaled = [&](double factor) {  // LP with this candidate's embedding scaled
      auto moved = x.clone();
      moved[0][static_cast<std::int64_t>(task.candidate_begin + i)] *= factor;
      CausalContext context;
      const auto hidden = model.hidden_of(moved, at::arange(x.size(1), at::kLong), context);
      const auto rows = model.logits(hidden).squeeze(0).to(at::kDouble).log_softmax(1);
      double sum = 0;
      for (std::size_t k = 0; k < task.answer.size(); ++k)
        sum += rows[static_cast<std::int64_t>(task.prompt.size() - 1 + k)][task.answer[k]].item<double>();
      return sum / static_cast<double>(task.answer.size());
    };
    // d/ds LP(s x) at s = 1 by five points; what is left is float32 noise of about 1e-6 divided by the step.
    const double h = has_kinks ? 0.002 : 0.02;  // a kink between the points counts in proportion to the step
    const double slope = (scaled(1 - 2 * h) - 8 * scaled(1 - h) + 8 * scaled(1 + h) - scaled(1 + 2 * h)) / (12 * h);
    EXPECT_NEAR(result.values[i], slope, has_kinks ? 2e-3 : 5e-4) << i;
  }
}

TEST_P(MethodOnArchitecture, IntegratedGradientsAreComplete) {
  const auto model = without_jumps(GetParam());
  const AttributionTask task{random_ids(12, 4), 3, 9, random_ids(3, 9)};
  const auto scored = [&](const std::vector<TokenId>& prompt) {
    return mean_log_probability(score_answers(model, {{prompt, task.answer}}).front());
  };
  auto start = task.prompt;
  std::fill(start.begin() + 3, start.begin() + 9, 5);
  const double gain = scored(task.prompt) - scored(start);
  auto settings = with_baseline("5");
  for (const std::int64_t steps : {50, 300}) {
    settings.steps = steps;
    const auto result = make("integrated_gradients", settings)->run(model, task, 0);
    EXPECT_NEAR(sum_of(result.values), gain, steps == 50 ? 5e-3 : 3e-4) << steps;  // of the integral, not of rounding
    EXPECT_NEAR(result.completeness_error, sum_of(result.values) - gain, kRounding);
    EXPECT_NEAR(result.mean_log_probability, scored(task.prompt), kRounding);
  }
}

TEST_P(MethodOnArchitecture, EveryBatchSizeGivesTheSame) {
  const auto model = testing_support::tiny_transformer_of(GetParam());
  const AttributionTask task{random_ids(14, 6), 2, 10, random_ids(3, 9)};
  for (const auto& name : testing_support::methods_of_ids()) {
    const auto settings = testing_support::small_settings(name);
    const auto one = make(name, settings, 1)->run(model, task, 3), many = make(name, settings, 4096)->run(model, task, 3);
    expect_close(floats(one.values), floats(many.values), name == "lime" ? 5e-5 : kRounding, name);
    EXPECT_EQ(one.values.size(), task.candidates());
    EXPECT_GT(one.work.positions, 0U) << name;
    EXPECT_GT(one.work.positions_naive, 0U) << name;
    EXPECT_EQ(one.log_probabilities.empty(), name != "leave_one_out");
    EXPECT_EQ(one.standard_errors.empty(), name != "shapley" && name != "hierarchical");
    EXPECT_EQ(std::isnan(one.completeness_error), name != "integrated_gradients");
    EXPECT_EQ(std::isnan(one.surrogate_r2), name != "lime");
  }
}

TEST_P(MethodOnArchitecture, WantingWeightsDoesNotChangeTheModel) {
  class Watching : public CausalContext {
   public:
    bool wants_weights() const override { return true; }
    void receive_weights(std::int64_t layer, const at::Tensor& weights) override {
      EXPECT_EQ(layer, static_cast<std::int64_t>(seen.size()));
      seen.push_back(weights);
    }
    std::vector<at::Tensor> seen;
  };
  const auto model = testing_support::tiny_transformer_of(GetParam());
  const auto tokens = testing_support::row_of(random_ids(20, 3));
  Watching context;
  const auto watched = model.hidden(tokens, at::arange(20, at::kLong), context);
  EXPECT_LE(testing_support::largest_difference(watched, model.hidden(tokens)), 1e-4);
  ASSERT_EQ(static_cast<std::int64_t>(context.seen.size()), model.config().layers);
  for (std::int64_t layer = 0; layer < model.config().layers; ++layer) {
    const auto& weights = context.seen[static_cast<std::size_t>(layer)];
    EXPECT_LE(testing_support::largest_difference(weights.sum(3), at::ones({1, model.config().heads, 20})), 1e-5);
    auto hidden = at::ones({20, 20}, at::kBool).tril().logical_not();
    if (const auto window = model.config().window_of(layer))
      hidden = hidden.logical_or(at::ones({20, 20}, at::kBool).tril(-window));
    EXPECT_EQ(weights.masked_select(hidden).abs().sum().item<double>(), 0.0) << "layer " << layer;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, MethodOnArchitecture, testing::ValuesIn(testing_support::tiny_architectures()),
                         [](const auto& test) { return test.param; });

TEST(Rollout, SharesOfAllTokensSumToOne) {
  const auto model = tiny_transformer(1);
  const AttributionTask task{random_ids(10, 1), 0, 10, {3}};
  const auto result = make("rollout")->run(model, task, 0);
  EXPECT_NEAR(sum_of(result.values), 1.0, 1e-5);
  for (const float share : result.values) EXPECT_GT(share, 0.0F);
  EXPECT_FALSE(is_in_nats("rollout"));
  EXPECT_TRUE(is_in_nats("lime"));
}

TEST(Methods, TrainableWeightsKeepTheirGradients) {
  auto model = tiny_transformer(1);
  for (auto& [name, tensor] : named_tensors(model.weights())) tensor.requires_grad_(true);
  const AttributionTask task{random_ids(10, 1), 1, 6, {3, 4}};
  for (const std::string name : {"gradient_x_input", "integrated_gradients"})
    make(name, name == "integrated_gradients" ? with_baseline("zero") : AttributionSettings())->run(model, task, 0);
  for (const auto& [name, tensor] : named_tensors(model.weights())) EXPECT_FALSE(tensor.grad().defined()) << name;
}

class EveryMethod : public testing::TestWithParam<std::string> {
 protected:
  std::string refusal(const AttributionTask& task) const {
    return message_of<UserError>(
        [&] { make(GetParam(), testing_support::small_settings(GetParam()))->run(tiny_transformer(1), task, 0); });
  }
};

TEST_P(EveryMethod, RefusesTasksWithoutMeaning) {
  EXPECT_THAT(refusal({{1, 2, 3}, 1, 3, {}}), HasSubstr("answer is empty"));
  EXPECT_THAT(refusal({{1, 2, 3}, 2, 2, {4}}), HasSubstr("no candidate tokens"));
  EXPECT_THAT(refusal({{1, 61, 3}, 1, 3, {4}}), HasSubstr("token id 61"));
  EXPECT_THAT(refusal({random_ids(92, 1), 1, 3, random_ids(5, 1)}), AllOf(HasSubstr("97 tokens"), HasSubstr("96")));
}

TEST_P(EveryMethod, SaysThatAModelHasDiverged) {
  auto model = tiny_transformer(1);
  model.weights().embedding_VD[7].fill_(std::nanf(""));
  EXPECT_THAT(message_of<RuntimeFailure>([&] {
                make(GetParam(), testing_support::small_settings(GetParam()))->run(model, {{1, 9, 3, 7}, 1, 3, {4}}, 0);
              }),
              HasSubstr("not finite"));
}

INSTANTIATE_TEST_SUITE_P(Names, EveryMethod, testing::ValuesIn(testing_support::methods_of_ids()),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace unpact
