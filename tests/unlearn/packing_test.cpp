/// Every loss term over packed examples against the same over padded ones.
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/training_examples.hpp"
#include "support/unlearning_methods.hpp"

namespace unpact {
namespace {

using testing_support::method_of;
using testing_support::relative_difference;
using testing_support::tiny_transformer;

struct Variant {
  const char* name;
  const char* forget;
  const char* retain;
  void (*change)(MethodOptions&);
};

void PrintTo(const Variant& variant, std::ostream* out) { *out << variant.name; }

const std::vector<Variant>& variants() {
  static const auto as_it_is = [](MethodOptions&) {};
  static const std::vector<Variant> all = {
      {"ga_gd", "ga", "gd", as_it_is},
      {"ga_kl", "ga", "kl", as_it_is},
      {"ga_kl_all_positions", "ga", "kl", [](MethodOptions& m) { m.kl_variant = KlVariant::all_positions; }},
      {"ga_kl_muse_logit", "ga", "kl", [](MethodOptions& m) { m.kl_variant = KlVariant::muse_logit; }},
      {"wga", "ga", "none", [](MethodOptions& m) { m.weighting = WeightingKind::wga; }},
      {"npo_gd", "npo", "gd", as_it_is},
      {"npo_normalized", "npo", "none", [](MethodOptions& m) { m.length_normalized = true; }},
      {"npo_satimp", "npo", "none", [](MethodOptions& m) { m.weighting = WeightingKind::satimp; }},
      {"etw", "ga", "none", [](MethodOptions& m) { m.weighting = WeightingKind::entropy; }},
      {"jensun", "jensun", "jsd", as_it_is},
      {"npo_token", "npo", "none", [](MethodOptions& m) { m.npo_variant = NpoVariant::token; }},
      {"npo_token_mean", "npo", "none", [](MethodOptions& m) { m.npo_variant = NpoVariant::token_mean; }},
      {"npo_muse_logit", "npo", "none", [](MethodOptions& m) { m.npo_variant = NpoVariant::muse_logit; }},
      {"simnpo", "simnpo", "none", [](MethodOptions& m) { m.beta = 0.5; }},  // at 4.5 its slope is nearly 0 here
      {"dpo", "dpo", "none", as_it_is},
      {"undial", "undial", "none", as_it_is},
      {"ceu", "ceu", "none", as_it_is},
      {"pdu_gd", "pdu", "gd", as_it_is},
      {"rmu", "rmu", "none", as_it_is},
      {"rmu_late", "rmu", "none", [](MethodOptions& m) { m.trained_layers = "1"; }},
      {"rmu_sequences", "rmu", "none", [](MethodOptions& m) { m.rmu_mean = RmuMean::sequences, m.rmu_early_stop = false; }},
  };
  return all;
}

class PackedUnlearning : public testing::TestWithParam<Variant> {
 protected:
  UnlearnResult run(const MethodOptions& method, bool packing) {
    TrainOptions options;
    options.max_steps = 3;
    options.batch_size = 6;
    options.micro_batch = 3;
    options.learning_rate = 1e-3;
    options.adamw.epsilon = 1e-5;  // gradients that are rounding alone must not become full steps of Adam
    options.execution.packing = packing;
    options.execution.recompute = true;
    return unlearn(target_, method, options, testing_support::some_data(), *group_);
  }

  Communicator world_ = Communicator::world();
  std::unique_ptr<Collectives> group_ = make_collectives(world_, at::kCPU);
  Transformer target_ = tiny_transformer(1);
};

TEST_P(PackedUnlearning, GivesLossesAndWeightsOfThePaddedWay) {
  auto method = method_of(GetParam().forget, GetParam().retain);
  GetParam().change(method);
  for (const auto where : {FrozenCache::memory,
                           FrozenCache::none}) {  // rows of the frozen model, found by example or computed in the same batch
    method.cache = where;
    const auto padded = run(method, false), packed = run(method, true);
    // float32 sums in another order.
    EXPECT_LE(relative_difference(packed.weights, padded.weights), 1e-6) << name_of_value(where);
    EXPECT_GT(relative_difference(padded.weights, target_.weights()), 1e-5) << name_of_value(where);
    ASSERT_EQ(packed.steps.size(), padded.steps.size());
    for (std::size_t i = 0; i < packed.steps.size(); ++i) {
      EXPECT_NEAR(packed.steps[i].loss, padded.steps[i].loss, 1e-4 * std::max(1.0, std::abs(padded.steps[i].loss)))
          << name_of_value(where) << i;
      EXPECT_EQ(packed.steps[i].targets, padded.steps[i].targets) << name_of_value(where) << i;
      EXPECT_EQ(packed.steps[i].padding, 0) << name_of_value(where) << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Of, PackedUnlearning, testing::ValuesIn(variants()),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace unpact
