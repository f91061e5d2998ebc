/// RMU: what it trains, steers, holds and refuses; its early stop, on and off.
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unlearn/unlearning.hpp"
#include "../../src/unlearn/representation_term.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing_support::differentiate;
using testing_support::first_difference;
using testing_support::five_steps;
using testing_support::message_of;
using testing_support::method_of;
using testing_support::random_examples;
using testing_support::same_bits;
using testing_support::some_data;
using testing_support::tiny_transformer;
using testing_support::value_of;

class Rmu : public testing_support::Unlearning {};

TEST_F(Rmu, OfAllLayersTrainsWhatItsStatesDependOn) {
  auto method = method_of("rmu");
  method.trained_layers = "all";
  const auto result = run(method);
  const auto before = named_tensors(target_.weights()), after = named_tensors(result.weights);
  for (std::size_t i = 0; i < before.size(); ++i) {
    const auto& name = before[i].first;
    const bool later = name.rfind("model.layers.2.", 0) == 0 || name == "model.norm.weight" || name == "lm_head.weight";
    EXPECT_EQ(at::equal(before[i].second, after[i].second), later) << name;
  }
}

TEST_F(Rmu, ChangesTheNamedWeightsAlone) {
  auto method = method_of("rmu");
  method.trained_layers = "1";
  method.trained_weights = "mlp.down_proj.weight, self_attn.o_proj.weight";
  const auto result = run(method);
  const auto before = named_tensors(target_.weights()), after = named_tensors(result.weights);
  for (std::size_t i = 0; i < before.size(); ++i) {
    const auto& name = before[i].first;
    const bool named = name == "model.layers.1.mlp.down_proj.weight" || name == "model.layers.1.self_attn.o_proj.weight";
    EXPECT_EQ(!at::equal(before[i].second, after[i].second), named) << name;
  }
}

TEST_F(Rmu, SteersTheForgetSetAndHoldsTheRetainSet) {
  auto options = five_steps();
  options.max_steps = 25;
  options.learning_rate = 2e-2;
  auto method = method_of("rmu");
  method.retain_weight = 10;
  const auto steered = with(run(method, options));
  const RepresentationTerm forget(some_data().forget, {1, RmuMean::tokens, 0}, steering_vector(24, 3.0, options.seed),
                                  target_);
  const RepresentationTerm retain(some_data().retain, {1, RmuMean::tokens, 0}, target_);
  EXPECT_LT(value_of(forget, steered), 0.7 * value_of(forget, target_));
  method.retain_weight = 0;
  EXPECT_LT(value_of(retain, steered), 0.7 * value_of(retain, with(run(method, options))));
}

TEST_F(Rmu, RefusesWhatWouldNotTrain) {
  const auto with_layers = [](std::int64_t layer, const std::string& trained, const std::string& weights) {
    auto method = method_of("rmu");
    method.layer = layer;
    method.trained_layers = trained;
    method.trained_weights = weights;
    return method;
  };
  const std::string down = "mlp.down_proj.weight";
  EXPECT_THAT(refusal_of(with_layers(3, "0", down)), AllOf(HasSubstr("method.layer"), HasSubstr("0..2")));
  EXPECT_THAT(refusal_of(with_layers(-1, "0", down)), HasSubstr("method.layer"));
  EXPECT_THAT(refusal_of(with_layers(1, "2", down)), AllOf(HasSubstr("method.trained_layers"), HasSubstr("block 2")));
  EXPECT_THAT(refusal_of(with_layers(1, "0,one", down)), AllOf(HasSubstr("method.trained_layers"), HasSubstr("'one'")));
  EXPECT_THAT(refusal_of(with_layers(1, "-1", down)), HasSubstr("'-1'"));
  EXPECT_THAT(refusal_of(with_layers(1, "99999999999999999999", down)), HasSubstr("method.trained_layers"));
  EXPECT_THAT(refusal_of(with_layers(1, "1", "mlp.down")),
              AllOf(HasSubstr("method.trained_weights"), HasSubstr("model.layers.1.mlp.down")));
  EXPECT_THAT(refusal_of(with_layers(1, "", down)), HasSubstr("no weight is trained"));
}

/// Notes which parts of the model run.
class PartSpy : public PartRunner {
 public:
  at::Tensor run(std::int64_t part, std::int64_t, const at::Tensor& input, const Compute& compute) override {
    parts.push_back(part);
    return compute(input);
  }
  std::vector<std::int64_t> parts;
};

RepresentationOptions behind_block_1(bool early_stop) { return {1, RmuMean::tokens, 0, early_stop}; }

TEST(RmuEarlyStop, LeavesOutTheBlocksBehind) {
  const auto examples = random_examples(3, 1);
  const auto frozen = tiny_transformer(1);
  const auto parts_with = [&](bool early_stop, std::int64_t first_trained) {
    auto options = behind_block_1(early_stop);
    options.first_trained = first_trained;
    const RepresentationTerm term(examples, options, at::zeros({24}), Frozen(frozen));
    auto model = tiny_transformer(1);
    PartSpy spy;
    model.set_runner(&spy);
    term.sum(model, testing_support::all_indices(term));
    return spy.parts;
  };
  // 0 is the embedding, 1 + l block l, of which there are three.
  EXPECT_THAT(parts_with(true, 0), ElementsAre(0, 1, 2));
  EXPECT_THAT(parts_with(false, 0), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(parts_with(true, 1), ElementsAre(2));  // the input of block 1 is kept
  EXPECT_THAT(parts_with(false, 1), ElementsAre(2, 3));
}

TEST(RmuEarlyStop, ChangesNoBitOfValueAndGradients) {
  const auto examples = random_examples(7, 3);
  const auto frozen = tiny_transformer(2);
  auto model = tiny_transformer(1);
  const RepresentationTerm on(examples, behind_block_1(true), frozen), off(examples, behind_block_1(false), frozen);
  const auto stopped = differentiate(model, {{&on, 1.0}}), whole = differentiate(model, {{&off, 1.0}});
  EXPECT_EQ(stopped.value, whole.value);
  EXPECT_GT(whole.gradients.at("model.layers.1.mlp.down_proj.weight").abs().max().item<double>(), 0);
  for (const auto& [name, gradient] : stopped.gradients) EXPECT_TRUE(same_bits(gradient, whole.gradients.at(name))) << name;
}

using RmuMode = std::tuple<const char*, const char*, bool>;  // cache, trained layers, recompute
class RmuTraining : public testing::TestWithParam<RmuMode> {};

TEST_P(RmuTraining, GivesTheSameBitsWithAndWithoutEarlyStop) {
  const auto world = Communicator::world();
  const auto group = make_collectives(world, at::kCPU);
  const auto target = tiny_transformer(1);
  auto method = method_of("rmu");
  method.cache = testing_support::named<FrozenCache>(std::get<0>(GetParam()));
  method.trained_layers = std::get<1>(GetParam());
  TrainOptions options;
  options.max_steps = 3;
  options.batch_size = 5;
  options.micro_batch = 2;
  options.learning_rate = 1e-2;
  options.execution.recompute = std::get<2>(GetParam());
  const UnlearnData data{random_examples(7, 1), random_examples(9, 2)};
  const auto stopped = unlearn(target, method, options, data, *group);
  method.rmu_early_stop = false;
  const auto whole = unlearn(target, method, options, data, *group);
  EXPECT_EQ(first_difference(stopped.weights, whole.weights), "");
  EXPECT_NE(first_difference(stopped.weights, target.weights()), "");
  for (std::size_t i = 0; i < whole.steps.size(); ++i) EXPECT_EQ(stopped.steps[i].loss, whole.steps[i].loss) << "step " << i;
}

INSTANTIATE_TEST_SUITE_P(Of, RmuTraining,
                         testing::Combine(testing::Values("none", "memory"), testing::Values("1", "0,1", "all"),
                                          testing::Bool()),
                         [](const auto& test) {
                           return concat(std::get<0>(test.param), "_",
                                         std::get<1>(test.param) == std::string("0,1") ? "both" : std::get<1>(test.param),
                                         std::get<2>(test.param) ? "_recomputed" : "");
                         });

TEST(RmuEarlyStop, IsRefusedBesideOtherMethods) {
  auto method = method_of("npo", "gd");
  method.rmu_early_stop = false;
  EXPECT_THAT(message_of<UserError>([&] { check_method(method); }),
              AllOf(HasSubstr("method.rmu_early_stop"), HasSubstr("method.forget = rmu")));
}

}  // namespace
}  // namespace unpact
