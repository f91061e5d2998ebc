/// Unlearning by low-rank adapters.
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "support/loss_parity.hpp"
#include "unlearn/unlearning.hpp"
#include "unpact/checkpoint/adapters.hpp"

namespace unpact {
namespace {

using testing_support::first_difference;
using testing_support::method_of;

class AdapterMethodParity : public testing_support::LossParity {
 protected:
  void SetUp() override {
    if (Communicator::world().size() > 1) GTEST_SKIP() << "one rank says it; several are compared in tests/train";
    LossParity::SetUp();
  }
};

/// 20 steps of npo with gd: the reference is the model without its adapters (tests/parity/oracle_lora.py).
TEST_F(AdapterMethodParity, WeightsAfterTwentySteps) {
  const auto settings = read_json_file(testing_support::parity("lora.json"));
  const testing_support::Expected expected("lora.safetensors");
  const Communicator null;
  const auto alone = make_collectives(null, at::kCPU);
  TrainOptions options;
  options.max_steps = settings["steps"];
  options.batch_size = options.micro_batch = 12;  // every example equally often in every step
  options.learning_rate = settings["learning_rate"];
  options.adamw.epsilon = settings["epsilon"];
  options.clip_norm = 0;
  options.seed = settings["seed"].get<std::uint64_t>();
  options.shuffle = false;
  options.execution.lora_rank = settings["rank"];
  options.execution.lora_alpha = settings["alpha"];
  options.execution.lora_targets = "q_proj, v_proj, down_proj";
  NamedTensors adapters;
  options.result.adapters = &adapters;
  const auto result = unlearn(*theta_, method_of("npo", "gd"), options, {forget_, retain_}, *alone);
  double difference = 0, movement = 0;
  std::size_t moved = 0;
  const auto start = named_tensors(theta_->weights()), after = named_tensors(result.weights);
  for (std::size_t i = 0; i < start.size(); ++i) {
    const auto& [name, before] = start[i];
    const bool has_adapter =
        name.ends_with("q_proj.weight") || name.ends_with("v_proj.weight") || name.ends_with("down_proj.weight");
    if (!has_adapter) {
      EXPECT_TRUE(at::equal(after[i].second, before)) << name;
      continue;
    }
    const auto merged = expected[concat("merged.", name)];
    difference += (after[i].second - merged).square().sum().item<double>();
    movement += (merged - before).square().sum().item<double>();
    ++moved;
  }
  EXPECT_EQ(moved, 9U);
  EXPECT_EQ(adapters.size(), 18U);
  ASSERT_GT(movement, 0);
  // Adam divides a gradient by its own size, so rounding of gradients near its epsilon shows (method_parity_test).
  RecordProperty("difference", concat(std::sqrt(difference / movement)));
  EXPECT_LE(std::sqrt(difference / movement), 1e-3);
  for (const auto& [name, tensor] : adapters) {
    const auto wanted = expected[concat("steps.", name)];
    EXPECT_LE((tensor - wanted).norm().item<double>(), 1e-3 * wanted.norm().item<double>()) << name;
  }
}

class UnlearningByAdapters : public testing_support::Unlearning {
 protected:
  void SetUp() override {
    if (world_.size() > 1) GTEST_SKIP() << "one rank says it; several are compared in tests/train";
  }
  static TrainOptions options() {
    auto options = testing_support::five_steps();
    options.learning_rate = 1e-2;
    options.execution.lora_rank = 2;
    return options;
  }
};

/// The weights of every method are those of the target and scale B A, of adapters of what the method trains.
TEST_F(UnlearningByAdapters, EveryMethodGivesTheTargetAndWhatItsAdaptersSay) {
  auto methods = testing_support::trained_methods();
  methods.emplace_back("whp", "none");
  for (const auto& [forget, retain] : methods) {
    NamedTensors adapters;
    auto chosen = options();
    chosen.result.adapters = &adapters;
    const auto method = method_of(forget, retain);
    const auto result = run(method, chosen);
    const auto trains = weights_trained_by(method, target_.config());
    std::map<std::string, at::Tensor> weights;
    for (const auto& [name, tensor] : named_tensors(target_.weights())) weights[name] = tensor;
    for (std::size_t i = 0; i + 1 < adapters.size(); i += 2) {
      const auto& [name, down_RI] = adapters[i];
      const auto& up_OR = adapters[i + 1].second;
      const auto base = adapted_weight(name);
      EXPECT_EQ(up_OR.abs().max().item<double>() > 0, trains(base)) << forget << " " << base;
      weights[base] = weights[base] + 8.0 * at::matmul(up_OR, down_RI);  // alpha 16, rank 2
    }
    ASSERT_EQ(adapters.size(), 2U * 7 * 3) << forget;
    const auto& trained = result.reinforced ? *result.reinforced : result.weights;
    for (const auto& [name, tensor] : named_tensors(trained))
      // float32: tv adds scale times the difference, the adapters say it at once
      EXPECT_LE((tensor - weights[name]).abs().max().item<double>(), 1e-6) << forget << " " << name;
    if (result.reinforced) {
      EXPECT_EQ(first_difference(result.weights, target_.weights()), "") << forget;
    }
  }
}

TEST_F(UnlearningByAdapters, TheReferenceIsTheModelWithoutThem) {
  // At the first step g = f: npo's loss is (2 / beta) log 2 whatever the model.
  const auto result = run(method_of("npo"), options());
  EXPECT_NEAR(result.steps.front().loss, 2 / 0.1 * std::log(2.0), 1e-4);
  EXPECT_LT(result.steps.back().loss, result.steps.front().loss);
}

}  // namespace
}  // namespace unpact
