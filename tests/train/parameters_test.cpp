#include "unpact/train/parameters.hpp"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/temporary_folder.hpp"
#include "support/tiny_models.hpp"

namespace unpact {
namespace {

using testing::HasSubstr;
using testing_support::first_difference;
using testing_support::message_of;
using testing_support::row_of;
using testing_support::tiny_config;
using testing_support::tiny_transformer;

constexpr auto kAll = [](const std::string&) { return true; };

ModelConfig with_tied_head(bool tied) {
  auto config = tiny_config();
  config.tied_embeddings = tied;
  return config;
}

class ParameterBufferOf : public testing::TestWithParam<bool> {  // tied head or not
 protected:
  Transformer model_ = tiny_transformer(1, with_tied_head(GetParam()));
};

TEST_P(ParameterBufferOf, ComingAndGoingChangesNoValue) {
  const auto before = clone_weights(model_.weights());
  {
    ParameterBuffer parameters(model_, kAll);
    EXPECT_EQ(first_difference(model_.weights(), before), "");
    EXPECT_EQ(parameters.values().numel(), model_.config().parameter_count());
    EXPECT_EQ(parameters.gradients().abs().sum().item<float>(), 0);
  }
  EXPECT_EQ(first_difference(model_.weights(), before), "");
  for (const auto& [name, tensor] : named_tensors(model_.weights())) {
    EXPECT_FALSE(tensor.requires_grad()) << name;
    EXPECT_FALSE(tensor.grad().defined()) << name;
  }
  EXPECT_EQ(model_.weights().head_VD.is_same(model_.weights().embedding_VD), GetParam());
}

TEST_P(ParameterBufferOf, TheModelSeesTheBuffer) {
  {
    ParameterBuffer parameters(model_, kAll);
    parameters.values().fill_(0.5);
    for (const auto& [name, tensor] : named_tensors(model_.weights()))
      EXPECT_TRUE((tensor == 0.5).all().item<bool>()) << name;
    EXPECT_TRUE((model_.weights().head_VD == 0.5).all().item<bool>());
  }
  EXPECT_TRUE((model_.weights().head_VD == 0.5).all().item<bool>());
}

TEST_P(ParameterBufferOf, GradientsGatherInTheBuffer) {
  ParameterBuffer parameters(model_, kAll);
  const auto loss = [&] { return model_.logits(model_.hidden(row_of({1, 2, 3}))).square().mean(); };
  loss().backward();
  const auto once = parameters.gradients().clone();
  EXPECT_GT(once.norm().item<double>(), 1e-3);
  for (const auto& [name, tensor] : named_tensors(model_.weights()))
    EXPECT_EQ(tensor.grad().storage().data_ptr().get(), parameters.gradients().storage().data_ptr().get()) << name;
  loss().backward();
  EXPECT_LE((parameters.gradients() - 2 * once).abs().max().item<double>(), 1e-6 * once.abs().max().item<double>());
  parameters.zero_gradients();
  EXPECT_EQ(parameters.gradients().abs().sum().item<float>(), 0);
}

INSTANTIATE_TEST_SUITE_P(Head, ParameterBufferOf, testing::Bool(),
                         [](const auto& test) { return test.param ? "tied" : "untied"; });

TEST(ParameterBuffer, ATiedHeadHasBothPartsOfTheGradient) {
  auto tied = tiny_transformer(1, with_tied_head(true));
  auto config = with_tied_head(false);
  auto weights = clone_weights(tied.weights());
  weights.head_VD = weights.embedding_VD.clone();
  Transformer untied(config, weights);
  const auto gradient = [](Transformer& model) {
    ParameterBuffer parameters(model, kAll);
    model.logits(model.hidden(row_of({1, 2, 3}))).square().mean().backward();
    auto sum = model.weights().embedding_VD.grad().clone();
    if (!model.config().tied_embeddings) sum += model.weights().head_VD.grad();
    return sum;
  };
  const auto a = gradient(tied), b = gradient(untied);
  EXPECT_LE((a - b).abs().max().item<double>(), 1e-5 * b.abs().max().item<double>());
}

TEST(ParameterBuffer, OnlyTheSelectedCollectGradients) {
  auto model = tiny_transformer(1);
  const auto is_down = [](const std::string& name) { return name.ends_with("down_proj.weight"); };
  ParameterBuffer parameters(model, is_down);
  EXPECT_EQ(parameters.values().numel(), 3 * 24 * 40);
  model.logits(model.hidden(row_of({1, 2, 3}))).square().mean().backward();
  for (const auto& [name, tensor] : named_tensors(model.weights())) {
    EXPECT_EQ(tensor.requires_grad(), is_down(name)) << name;
    EXPECT_EQ(tensor.grad().defined(), is_down(name)) << name;
  }
}

TEST(ParameterBuffer, SomethingMustBeSelected) {
  auto model = tiny_transformer(1);
  EXPECT_THAT(message_of<UserError>([&] { ParameterBuffer(model, [](const std::string&) { return false; }); }),
              HasSubstr("no weight is trained"));
  EXPECT_FALSE(model.weights().embedding_VD.requires_grad());
}

TEST(ParameterBuffer, NamesTheFirstGradientThatIsNotFinite) {
  auto model = tiny_transformer(1);
  ParameterBuffer parameters(model, kAll);
  EXPECT_EQ(parameters.first_non_finite_gradient(), "");
  for (const float value : {std::nanf(""), HUGE_VALF, -HUGE_VALF}) {
    parameters.zero_gradients();
    model.weights().final_norm_D.mutable_grad()[23] = value;
    EXPECT_EQ(parameters.first_non_finite_gradient(), "model.norm.weight");
    model.weights().blocks[1].up_FD.mutable_grad()[0][0] = value;
    EXPECT_EQ(parameters.first_non_finite_gradient(), "model.layers.1.mlp.up_proj.weight");
  }
}

}  // namespace
}  // namespace unpact
