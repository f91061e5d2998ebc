/// Unlearning from a target whose weights are views of mapped files against the same from one in memory.
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/shared_folder.hpp"
#include "support/training_examples.hpp"
#include "support/unlearning_methods.hpp"
#include "unpact/checkpoint/mapped_weights.hpp"
#include "unpact/checkpoint/safetensors.hpp"

namespace unpact {
namespace {

using testing_support::first_difference;
using testing_support::method_of;
using testing_support::random_examples;
using testing_support::tiny_config;
using testing_support::tiny_transformer;

using TargetMode =
    std::tuple<std::pair<const char*, const char*>, const char*, bool>;  // forget and retain, cache, tied head

/// What the training made of the target: of a result of two models the second.
const Weights& trained_by(const UnlearnResult& result) { return result.reinforced ? *result.reinforced : result.weights; }

/// Whole weights on every rank, as they are or rounded; the former beside the latter where they are asked for.
void expect_replicas(const Transformer& mapped, const MethodOptions& method, TrainOptions options, const UnlearnData& data,
                     Collectives& group, const UnlearnResult& expected) {
  const auto compare = [&](const Weights& weights, at::ScalarType dtype) {
    auto wanted = trained_by(expected);
    change_weights(mapped.config(), wanted, [&](const at::Tensor& weight) { return weight.to(dtype); });
    EXPECT_EQ(first_difference(weights, wanted), "") << at::toString(dtype);
  };
  for (const auto dtype : {at::kFloat, at::kBFloat16}) {
    Weights exact;
    options.result.dtype = dtype;
    options.result.exact = &exact;
    const auto result = unlearn(mapped, method, options, data, group);
    compare(trained_by(result), dtype);
    if (group.rank() == 0) compare(exact, at::kFloat);
    else EXPECT_FALSE(exact.embedding_VD.defined());
    if (!result.reinforced) continue;
    for (const auto& [name, weight] : named_tensors(result.weights)) {
      EXPECT_EQ(weight.scalar_type(), dtype) << name;
      EXPECT_FALSE(weight.is_alias_of(named_tensors(mapped.weights()).front().second)) << name;
    }
  }
}

class MappedTarget : public testing::TestWithParam<TargetMode> {};

TEST_P(MappedTarget, GivesTheBitsOfOneInMemory) {
  const auto& [terms, cache, tied] = GetParam();
  const auto world = Communicator::world();
  const testing_support::SharedFolder folder(world);
  const auto group = make_collectives(world, at::kCPU);
  auto config = tiny_config();
  config.tied_embeddings = tied;
  auto target = tiny_transformer(1, config);
  for (auto& spec : weight_specs(config, target.weights())) *spec.slot = spec.slot->to(at::kBFloat16).to(at::kFloat);
  if (tied) target.weights().head_VD = target.weights().embedding_VD;
  if (world.is_root()) {
    NamedTensors tensors;
    for (const auto& [name, tensor] : file_tensors(config, target.weights()))
      tensors.emplace_back(name, tensor.to(at::kBFloat16));
    write_safetensors(folder.path() / "model.safetensors", tensors);
  }
  world.barrier();
  const Transformer mapped(config, map_weights(config, folder.path()));
  auto method = method_of(terms.first, terms.second);
  method.cache = testing_support::named<FrozenCache>(cache);
  TrainOptions options;
  options.max_steps = 2;
  options.batch_size = 5;
  options.micro_batch = 2;
  options.learning_rate = 1e-3;
  const UnlearnData data{random_examples(7, 1), random_examples(9, 2),  random_examples(7, 3), {},
                         Sampling::epoch,       folder.path() / "cache"};
  const auto expected = unlearn(target, method, options, data, *group);
  options.device = at::kCPU;
  if (cache != std::string("none")) expect_replicas(mapped, method, options, data, *group, expected);
  options.result.keeper = 0;
  const auto result = unlearn(mapped, method, options, data, *group);
  for (std::size_t i = 0; i < result.steps.size(); ++i)
    EXPECT_EQ(result.steps[i].loss, expected.steps[i].loss) << "step " << i;
  if (world.is_root()) {
    EXPECT_EQ(first_difference(trained_by(result), trained_by(expected)), "");
  }
  EXPECT_TRUE(mapped.weights().embedding_VD.scalar_type() == at::kBFloat16 && mapped.weights().embedding_VD.size(0) > 0);
}

INSTANTIATE_TEST_SUITE_P(Of, MappedTarget,
                         testing::Combine(testing::Values(std::pair("ga", "gd"), std::pair("npo", "kl"),
                                                          std::pair("undial", "none"), std::pair("dpo", "gd"),
                                                          std::pair("rmu", "none"), std::pair("tv", "none"),
                                                          std::pair("whp", "none")),
                                          testing::Values("none", "disk"), testing::Bool()),
                         [](const auto& test) {
                           return concat(std::get<0>(test.param).first, "_", std::get<0>(test.param).second, "_",
                                         std::get<1>(test.param), std::get<2>(test.param) ? "_tied" : "");
                         });

}  // namespace
}  // namespace unpact
