/// Whole methods against torch.optim and autograd: the weights after some steps (tests/parity/oracle_methods.py).
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "support/named.hpp"
#include "support/loss_parity.hpp"
#include "unpact/unlearn/method.hpp"
#include "../../src/unlearn/representation_term.hpp"

namespace unpact {
namespace {

using testing_support::LossParity;

class MethodParity : public LossParity {
 protected:
  TrainOptions options() const {
    TrainOptions options;
    options.max_steps = more_["steps"];
    options.batch_size = 12;  // 3 forget and 4 retain examples: every one equally often in every step
    options.micro_batch = 12;
    options.learning_rate = more_["learning_rate"];
    options.adamw.epsilon = more_["epsilon"];
    options.clip_norm = 0;
    return options;
  }
  UnlearnResult run(const MethodOptions& method, std::int64_t steps = 0) {
    auto own = options();
    if (steps > 0) own.max_steps = steps;
    UnlearnData data{forget_, retain_, alternate_};
    data.refusal = more_["refusal"].get<std::vector<TokenId>>();
    return unlearn(*theta_, method, own, data, *alone_);
  }

  /// What the steps moved, against what they moved there. Adam divides a gradient by its own size, so rounding of gradients
  /// near its epsilon of 1e-5 shows: measured up to 3e-5 of the movement; a wrong loss moves the weights elsewhere by its whole.
  void expect_weights(const Weights& weights, const std::string& name, double tolerance = 1e-4) {
    const auto start = named_tensors(theta_->weights());
    double difference = 0, movement = 0;
    for (const auto& [key, tensor] : named_tensors(weights)) {
      const auto expected = (*methods_)[concat("steps.", name, ".", key)];
      difference += (tensor - expected).square().sum().item<double>();
      for (const auto& [other, before] : start)
        if (other == key) movement += (expected - before).square().sum().item<double>();
    }
    ASSERT_GT(movement, 0) << name;
    RecordProperty(name, concat(std::sqrt(difference / movement)));
    EXPECT_LE(std::sqrt(difference / movement), tolerance) << name;
  }

  Communicator null_;
  std::unique_ptr<Collectives> alone_ = make_collectives(null_, at::kCPU);
};

MethodOptions composed(const std::string& forget, const std::string& retain = "none") {
  MethodOptions method;
  method.forget = forget;
  method.retain = testing_support::named<RetainKind>(retain);
  return method;
}

TEST_F(MethodParity, Ascent) {
  expect_weights(run(composed("ga")).weights, "ga");
  expect_weights(run(composed("ga", "gd")).weights, "ga_gd");
}

TEST_F(MethodParity, KlAndItsVariants) {
  for (const auto variant : {KlVariant::token, KlVariant::all_positions, KlVariant::muse_logit}) {
    auto method = composed("ga", "kl");
    method.kl_variant = variant;
    const std::string name = variant == KlVariant::token ? "ga_kl" : concat("ga_kl_", name_of_value(variant));
    expect_weights(run(method).weights, name);
    method.cache = FrozenCache::none;
    expect_weights(run(method).weights, name);
  }
}

TEST_F(MethodParity, NpoAndItsVariants) {
  expect_weights(run(composed("npo")).weights, "npo");
  expect_weights(run(composed("npo", "gd")).weights, "npo_gd");
  expect_weights(run(composed("npo", "kl")).weights, "npo_kl");
  for (const auto variant : {NpoVariant::token_mean, NpoVariant::muse_logit}) {
    auto method = composed("npo");
    method.npo_variant = variant;
    expect_weights(run(method).weights, concat("npo_", name_of_value(variant)));
    method.cache = FrozenCache::none;
    expect_weights(run(method).weights, concat("npo_", name_of_value(variant)));
  }
}

TEST_F(MethodParity, SimNpoAndDpo) {
  auto method = composed("simnpo", "gd");
  method.beta = more_["simnpo"];
  method.delta = more_["delta"];
  expect_weights(run(method).weights, "simnpo");
  method = composed("dpo", "gd");
  method.alternates = "given";
  expect_weights(run(method).weights, "dpo");
}

TEST_F(MethodParity, LossesOnTheWholeVocabulary) {
  expect_weights(run(composed("undial")).weights, "undial");  // its published beta
  expect_weights(run(composed("ceu")).weights, "ceu");
}

/// Twenty steps each.
TEST_F(MethodParity, EntropyWeightsTokenMarginsAndRefusals) {
  auto method = composed("ga", "gd");
  method.weighting = WeightingKind::entropy;
  expect_weights(run(method, more_["long"]["etw"]).weights, "etw");
  method = composed("npo", "gd");
  method.npo_variant = NpoVariant::token;
  expect_weights(run(method, more_["long"]["npo_token"]).weights, "npo_token");
  expect_weights(run(composed("jensun", "jsd"), more_["long"]["jensun"]).weights, "jensun");
}

/// Twenty steps.
TEST_F(MethodParity, FlatLogitsOfWhatTheTargetWouldSay) {
  auto method = composed("palu", "gd");
  method.flattened = more_["flattened"];
  for (const auto cache : {FrozenCache::memory, FrozenCache::none}) {
    method.cache = cache;
    expect_weights(run(method, more_["long"]["palu"]).weights, "palu");
  }
}

TEST_F(MethodParity, TokenWeights) {
  auto method = composed("ga", "gd");
  method.weighting = WeightingKind::wga;
  method.weight_power = more_["wga"];
  expect_weights(run(method).weights, "wga");
  method.weighting = WeightingKind::satimp;
  method.weight_power = -1;  // published
  expect_weights(run(method).weights, "satimp");
}

TEST_F(MethodParity, PrimalDual) {
  auto method = composed("pdu", "gd");
  method.retain_weight = more_["pdu"]["weight"];
  method.retain_limit = more_["pdu"]["limit"];
  method.dual_rate = more_["pdu"]["rate"];
  method.dual_warmup = 0;
  const auto result = run(method);
  expect_weights(result.weights, "pdu");
  const auto& last = result.steps.back();
  const double next = std::max(0.0, last.coefficients[1] + method.dual_rate * (last.term_losses[1] - method.retain_limit));
  EXPECT_NEAR(next, methods_->scalar("steps.pdu.dual"), 1e-4);
  EXPECT_NE(last.coefficients[1], method.retain_weight);
}

TEST_F(MethodParity, RepresentationMisdirection) {
  for (const auto cache : {FrozenCache::memory, FrozenCache::none}) {
    auto model = Transformer(theta_->config(), clone_weights(theta_->weights()));
    Frozen frozen(*theta_);
    frozen.cache.where = cache;
    const RepresentationTerm forget(forget_, {layer(), RmuMean::tokens, 0}, steering(), frozen);
    const RepresentationTerm retain(retain_, {layer(), RmuMean::tokens, 0}, frozen);
    train(model, {{&forget, 1.0}, {&retain, settings_["alpha"]}}, options(), *alone_, [](const std::string& name) {
      return name == "model.layers.0.mlp.down_proj.weight" || name == "model.layers.1.mlp.down_proj.weight";
    });
    expect_weights(model.weights(), "rmu");
  }
}

TEST_F(MethodParity, TaskVectorAndWhp) {
  auto method = composed("tv");
  method.scale = more_["tv"];
  expect_weights(run(method).weights, "tv");
  method.retain = RetainKind::kl;
  method.retain_weight = more_["retain"];
  expect_weights(run(method, more_["long"]["reinforced_kl"]).weights, "tv_kl");
  method = composed("whp");
  const auto result = run(method);
  expect_weights(*result.reinforced, "reinforced");
  EXPECT_EQ(testing_support::first_difference(result.weights, theta_->weights()), "");
}

}  // namespace
}  // namespace unpact
