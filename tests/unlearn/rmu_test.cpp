/// RMU's early stop, on and off.
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/temporary_folder.hpp"
#include "support/training_examples.hpp"
#include "support/unlearning_methods.hpp"
#include "../../src/unlearn/representation_term.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing_support::differentiate;
using testing_support::first_difference;
using testing_support::message_of;
using testing_support::method_of;
using testing_support::random_examples;
using testing_support::same_bits;
using testing_support::tiny_transformer;

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

using Mode = std::tuple<const char*, const char*, bool>;  // cache, trained layers, recompute
class RmuTraining : public testing::TestWithParam<Mode> {};

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
