#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/temporary_folder.hpp"
#include "support/tiny_models.hpp"
#include "support/unlearning_methods.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing_support::message_of;
using testing_support::method_of;

std::string refusal(const MethodOptions& method) {
  return message_of<UserError>([&] { check_method(method); });
}

TEST(CheckMethod, AcceptsThePapersSet) {
  for (const auto* forget : {"ga", "npo"})
    for (const auto* retain : {"none", "gd", "kl"}) EXPECT_NO_THROW(check_method(method_of(forget, retain)));
  for (const auto* forget : {"rmu", "tv", "whp"}) EXPECT_NO_THROW(check_method(method_of(forget)));
}

TEST(CheckMethod, AcceptsEveryKindOfTheTableWithWhatItTakes) {
  for (const auto& kind : known_forget_kinds()) {
    auto method = method_of(kind.name, kind.takes_retain() ? "gd" : "none");
    if (kind.takes_weighting) method.weighting = kind.takes_probabilities ? WeightingKind::wga : WeightingKind::spans;
    EXPECT_NO_THROW(check_method(method)) << kind.name;
    EXPECT_EQ(beta_of(method), kind.default_beta);
    EXPECT_GT(relative_cost(method), 0);
    EXPECT_FALSE(kind.summary.empty());
  }
}

TEST(CheckMethod, SaysWhatIsKnown) {
  EXPECT_THAT(refusal(method_of("npoo")),
              AllOf(HasSubstr("method.forget"), HasSubstr("'npoo'"), HasSubstr("did you mean 'npo'")));
  EXPECT_THAT(
      refusal(method_of("elephant")),
      AllOf(HasSubstr("ga, npo, simnpo, dpo, jensun, undial, ceu, palu, pdu, rmu, tv, whp"), HasSubstr("choose one")));
}

TEST(CheckMethod, RefusesContradictions) {
  EXPECT_THAT(refusal(method_of("rmu", "gd")), AllOf(HasSubstr("contradict"), HasSubstr("own retain side")));
  EXPECT_THAT(refusal(method_of("pdu")), AllOf(HasSubstr("contradict"), HasSubstr("method.retain = gd")));
}

TEST(CheckMethod, RefusesOptionsThatWouldBeIgnored) {
  const auto with = [](const char* forget, auto change, const char* retain = "none") {
    auto method = method_of(forget, retain);
    change(method);
    return refusal(method);
  };
  EXPECT_THAT(with("ga", [](auto& m) { m.npo_variant = NpoVariant::muse_logit; }),
              AllOf(HasSubstr("method.npo_variant"), HasSubstr("method.forget = npo")));
  EXPECT_THAT(with(
                  "ga", [](auto& m) { m.kl_variant = KlVariant::muse_logit; }, "gd"),
              AllOf(HasSubstr("method.kl_variant"), HasSubstr("method.retain = kl")));
  EXPECT_THAT(with("simnpo", [](auto& m) { m.length_normalized = true; }), HasSubstr("method.length_normalized"));
  EXPECT_THAT(with("undial", [](auto& m) { m.weighting = WeightingKind::wga; }),
              AllOf(HasSubstr("method.weighting"), HasSubstr("ga, npo, simnpo or palu")));
  EXPECT_THAT(with("npo", [](auto& m) { m.weighting = WeightingKind::wga, m.npo_variant = NpoVariant::token_mean; }),
              HasSubstr("npo_variant = sequence"));
  EXPECT_THAT(with("palu", [](auto& m) { m.weighting = WeightingKind::entropy; }),
              AllOf(HasSubstr("method.forget = palu"), HasSubstr("method.weighting = entropy")));
  EXPECT_THAT(with("palu", [](auto& m) { m.weighting = WeightingKind::spans, m.weight_power = 1; }),
              HasSubstr("weight_power"));
  EXPECT_THAT(with("palu", [](auto& m) { m.flattened = 1; }), HasSubstr("method.flattened"));
  EXPECT_THAT(with("ga", [](auto& m) { m.flattened = 20; }), HasSubstr("method.forget = palu"));
  EXPECT_THAT(with("ga", [](auto& m) { m.attribution_weights = AttributionWeights::joint; }),
              AllOf(HasSubstr("'method.attribution_weights' is 'joint'"), HasSubstr("method.weighting = attribution")));
  EXPECT_THAT(with("ga", [](auto& m) { m.weighting = WeightingKind::attribution, m.weight_share = 0.5; }),
              AllOf(HasSubstr("method.weight_share"), HasSubstr("attribution_weights = hard")));
  EXPECT_THAT(with("ga",
                   [](auto& m) {
                     m.weighting = WeightingKind::attribution, m.attribution_weights = AttributionWeights::hard;
                     m.weight_share = 1.5;
                   }),
              HasSubstr("above 0 and at most 1"));
  EXPECT_THAT(with("ga", [](auto& m) { m.weights_path = "w.jsonl"; }), HasSubstr("method.weights_path"));
  EXPECT_THAT(with("ga", [](auto& m) { m.weighting = WeightingKind::given, m.weights_path = ""; }),
              HasSubstr("'method.weights_path' is empty"));
  EXPECT_THAT(with("npo", [](auto& m) { m.alternates = "idk.txt"; }), HasSubstr("method.forget = dpo"));
  EXPECT_THAT(with("dpo", [](auto& m) { m.alternates = ""; }),
              AllOf(HasSubstr("'method.alternates' is empty"), HasSubstr("one answer a line")));
  EXPECT_THAT(with("ga", [](auto& m) { m.beta = 0.1; }),
              AllOf(HasSubstr("method.beta"), HasSubstr("npo, simnpo, dpo or undial")));
}

/// The options are enumerations: the option table says what is known and refuses the rest.
TEST(MethodVariants, HaveTheNamesOfConfigurations) {
  EXPECT_THAT(names_of<RetainKind>(), ElementsAre("none", "gd", "kl", "jsd"));
  EXPECT_THAT(names_of<NpoVariant>(), ElementsAre("sequence", "token", "token_mean", "muse_logit"));
  EXPECT_THAT(names_of<KlVariant>(), ElementsAre("token", "all_positions", "muse_logit"));
  EXPECT_THAT(names_of<WeightingKind>(), ElementsAre("none", "wga", "satimp", "entropy", "given", "spans", "attribution"));
  EXPECT_THAT(names_of<AttributionWeights>(), ElementsAre("contribution", "hard", "complement", "joint", "random"));
  EXPECT_THAT(names_of<RmuMean>(), ElementsAre("tokens", "sequences"));
  EXPECT_THAT(names_of<FrozenCache>(), ElementsAre("none", "memory", "disk"));
}

TEST(ForgetKinds, SayWhatTheyNeed) {
  const auto names_with = [](auto fact) {
    std::vector<std::string> names;
    for (const auto& kind : known_forget_kinds())
      if (fact(kind)) names.push_back(kind.name);
    return names;
  };
  EXPECT_THAT(names_with([](const auto& kind) { return kind.asks_target; }),
              ElementsAre("npo", "dpo", "undial", "palu", "rmu"));
  EXPECT_THAT(names_with([](const auto& kind) { return kind.needs_questions; }), ElementsAre("dpo", "jensun"));
  EXPECT_THAT(names_with([](const auto& kind) { return kind.answers_by_two; }), ElementsAre("whp"));
  for (const auto& kind : known_forget_kinds()) EXPECT_NE(kind.make_term == nullptr, kind.procedure == nullptr) << kind.name;
  EXPECT_TRUE(asks_target(method_of("ga", "kl")));
  EXPECT_TRUE(asks_target(method_of("jensun", "jsd")));
  EXPECT_FALSE(asks_target(method_of("ga", "gd")));
  EXPECT_EQ(path_of_needed_file(method_of("dpo")), "given below");
  EXPECT_EQ(path_of_needed_file(method_of("npo")), "");
}

/// What a dry run counts is what trains.
TEST(ForgetKinds, SayWhichWeightsTrain) {
  const auto trained = [](const MethodOptions& method) {
    const auto selected = weights_trained_by(method, testing_support::tiny_config());
    Weights shape_only;
    std::vector<std::string> names;
    for (const auto& spec : weight_specs(testing_support::tiny_config(), shape_only))
      if (selected(spec.name)) names.push_back(spec.name);
    return names;
  };
  const auto all = trained(method_of("ga"));
  auto method = method_of("rmu");
  EXPECT_THAT(trained(method), ElementsAre("model.layers.0.mlp.down_proj.weight", "model.layers.1.mlp.down_proj.weight"));
  method.trained_layers = "all";  // up to block 1 of three, without what comes after it
  const auto below = trained(method);
  EXPECT_LT(below.size(), all.size());
  EXPECT_THAT(below, testing::Contains("model.embed_tokens.weight"));
  EXPECT_THAT(below, testing::Not(testing::Contains("model.layers.2.mlp.down_proj.weight")));
  EXPECT_THAT(below, testing::Not(testing::Contains("lm_head.weight")));
  method.layer = 3;
  EXPECT_THAT(message_of<UserError>([&] { trained(method); }), HasSubstr("method.layer"));
}

TEST(CheckMethod, RefusesNumbersThatMakeNoSense) {
  const auto with = [](auto change) {
    auto method = method_of("npo");
    change(method);
    return refusal(method);
  };
  for (const double value : {0.0, -0.5, std::nan("")})
    EXPECT_THAT(with([&](auto& m) { m.beta = value; }), HasSubstr("method.beta"));
  for (const double value : {-1.0, std::nan("")}) {
    EXPECT_THAT(with([&](auto& m) { m.forget_weight = value; }), HasSubstr("method.forget_weight"));
    EXPECT_THAT(with([&](auto& m) { m.retain_weight = value; }), HasSubstr("method.retain_weight"));
  }
  EXPECT_THAT(with([&](auto& m) { m.scale = HUGE_VAL; }), HasSubstr("method.scale"));
  EXPECT_THAT(with([&](auto& m) { m.steering = std::nan(""); }), HasSubstr("method.steering"));
  EXPECT_THAT(with([&](auto& m) { m.delta = HUGE_VAL; }), HasSubstr("method.delta"));
  EXPECT_THAT(with([&](auto& m) { m.weight_power = -2; }), HasSubstr("method.weight_power"));
  EXPECT_THAT(with([&](auto& m) { m.dual_rate = -1; }), HasSubstr("method.dual_rate"));
  EXPECT_THAT(with([&](auto& m) { m.skipped_targets = -1; }), HasSubstr("method.skipped_targets"));
  EXPECT_THAT(with([&](auto& m) { m.forget = "pdu", m.retain = RetainKind::gd, m.retain_limit = 0; }),
              HasSubstr("method.retain_limit"));
}

}  // namespace
}  // namespace unpact
