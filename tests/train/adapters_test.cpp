/// Training low-rank adapters: against PyTorch, over several ranks, from files in bf16, interrupted, and what it takes.
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <set>

#include "support/named.hpp"
#include "support/parity.hpp"
#include "support/shared_folder.hpp"
#include "support/tiny_architectures.hpp"
#include "support/training_examples.hpp"
#include "unpact/checkpoint/adapters.hpp"
#include "unpact/checkpoint/mapped_weights.hpp"
#include "unpact/checkpoint/safetensors.hpp"
#include "unpact/core/json.hpp"
#include "unpact/core/stop.hpp"
#include "unpact/train/memory_plan.hpp"
#include "unpact/train/parameters.hpp"
#include "unpact/train/training_checkpoint.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing_support::Expected;
using testing_support::first_difference;
using testing_support::message_of;
using testing_support::random_examples;
using testing_support::relative_difference;
using testing_support::tiny_config;
using testing_support::tiny_config_of;
using testing_support::tiny_transformer;

TEST(AdapterParity, LossAndGradientsAreThoseOfPyTorch) {
  UNPACT_NEED_PARITY("lora.safetensors");
  const Expected expected("lora.safetensors"), sets("losses.safetensors");
  const auto settings = read_json_file(testing_support::parity("lora.json"));
  auto model = testing_support::load_transformer(testing_support::parity("losses_theta"));
  model.set_adapters(adapter_shape(model.config(), settings["rank"], settings["alpha"], "q_proj, v_proj, down_proj"),
                     settings["seed"].get<std::uint64_t>());
  for (auto& spec : weight_specs(model.config(), model.weights())) {
    if (!is_adapter(spec.name)) continue;
    const auto start = expected[concat("start.", spec.name)];
    if (spec.name.ends_with("lora_A.weight")) {
      EXPECT_TRUE(at::equal(*spec.slot, start)) << "peft begins otherwise";
    } else {
      EXPECT_EQ(spec.slot->abs().max().item<double>(), 0);
    }
    *spec.slot = start;
  }
  const CrossEntropyTerm term(testing_support::read_examples(sets, "retain"));
  ParameterBuffer parameters(model, is_adapter);
  const auto indices = testing_support::all_indices(term);
  const auto loss = term.sum(model, indices) / term.normalizer(indices);
  loss.backward();
  EXPECT_NEAR(loss.item<double>(), expected.scalar("gd.value"), 1e-5);
  std::size_t adapters = 0;
  for (const auto& spec : weight_specs(model.config(), model.weights())) {
    if (!is_adapter(spec.name)) continue;
    // float32 on both sides, sums in another order: 1e-4 of the largest, as for whole weights.
    const auto gradient = expected[concat("gd.grad.", spec.name)];
    const double largest = gradient.abs().max().item<double>();
    testing_support::expect_close(spec.slot->grad() / largest, gradient / largest, 1e-4, spec.name);
    ++adapters;
  }
  EXPECT_EQ(adapters, 2U * 3 * 3);
}

TrainOptions some_steps(const std::string& shard) {
  TrainOptions options;
  options.max_steps = 4;
  options.batch_size = 7;
  options.micro_batch = 2;
  options.learning_rate = 1e-2;
  options.execution.shard = testing_support::named<Shard>(shard);
  options.execution.lora_rank = 3;
  return options;
}

class Adapters : public testing::Test {
 protected:
  /// A model in files of this dtype, mapped.
  Transformer mapped(const Transformer& model, at::ScalarType dtype) {
    if (world_.is_root()) {
      NamedTensors tensors;
      for (const auto& [key, tensor] : file_tensors(model.config(), model.weights()))
        tensors.emplace_back(key, tensor.to(dtype));
      write_safetensors(folder_.path() / "model.safetensors", tensors);
    }
    world_.barrier();
    return Transformer(model.config(), map_weights(model.config(), folder_.path()));
  }

  Communicator world_ = Communicator::world(), null_;
  testing_support::SharedFolder folder_{world_};
  std::unique_ptr<Collectives> group_ = make_collectives(world_, at::kCPU), single_ = make_collectives(null_, at::kCPU);
  CrossEntropyTerm term_{random_examples(11, 1)};
};

/// Every switch of a block that a projection has to do with: plain and gated MLP, experts, norms behind, biases, a tied head.
TEST_F(Adapters, GiveTheSameOnAnyNumberOfRanksAndShards) {
  for (const std::string name : {"gemma2", "gpt2", "phi", "mixtral"}) {
    const auto config = tiny_config_of(name);
    auto alone = tiny_transformer(1, config);
    const auto expected = train(alone, {{&term_, 1.0}}, some_steps("none"), *single_);
    EXPECT_GT(relative_difference(alone.weights(), tiny_transformer(1, config).weights()), 1e-4);
    EXPECT_FALSE(alone.config().adapters.any());
    for (const std::string shard : {"parameters", "gradients", "none"}) {
      auto options = some_steps(shard);
      options.execution.recompute = shard == "parameters";
      auto together = tiny_transformer(1, config);
      const auto reports = train(together, {{&term_, 1.0}}, options, *group_);
      // Sums of gradients in another order, which Adam turns into less than 1e-6 of the weights (sharded_ranks_test).
      EXPECT_LE(relative_difference(together.weights(), alone.weights()), 1e-6) << name << " " << shard;
      for (std::size_t i = 0; i < reports.size(); ++i) EXPECT_NEAR(reports[i].loss, expected[i].loss, 1e-4);
    }
  }
}

TEST_F(Adapters, ChangeTheirTargetsAloneAndLeaveTheBaseInItsDtype) {
  const auto model = tiny_transformer(1);
  auto from_files = mapped(model, at::kBFloat16);
  auto in_memory = tiny_transformer(1);
  for (auto& spec : weight_specs(in_memory.config(), in_memory.weights()))
    *spec.slot = spec.slot->to(at::kBFloat16).to(at::kFloat);
  auto options = some_steps("parameters");
  options.execution.lora_targets = "v_proj, down_proj";
  auto rounded = options;
  NamedTensors adapters;
  rounded.device = at::kCPU;
  rounded.result.keeper = 0;
  rounded.result.adapters = &adapters;
  const auto expected = train(in_memory, {{&term_, 1.0}}, options, *group_);
  const auto reports = train(from_files, {{&term_, 1.0}}, rounded, *group_);
  for (std::size_t i = 0; i < reports.size(); ++i)
    EXPECT_EQ(reports[i].loss, expected[i].loss) << "a base in float32, rounded";
  if (!world_.is_root()) {
    EXPECT_TRUE(adapters.empty());
    EXPECT_FALSE(from_files.weights().embedding_VD.defined());
    return;
  }
  EXPECT_EQ(first_difference(from_files.weights(), in_memory.weights()), "");
  const auto before = named_tensors(model.weights()), after = named_tensors(from_files.weights());
  ASSERT_EQ(adapters.size(), 2U * 2 * 3);
  std::set<std::string> adapted;
  for (const auto& [name, tensor] : adapters) adapted.insert(adapted_weight(name));
  for (std::size_t i = 0; i < after.size(); ++i) {
    const auto stored = before[i].second.to(at::kBFloat16).to(at::kFloat);
    EXPECT_NE(at::equal(after[i].second, stored), adapted.count(after[i].first) != 0) << after[i].first;
  }
}

TEST_F(Adapters, TheBaseOfAShardTakesTheBytesOfItsFiles) {
  auto options = some_steps("parameters");
  options.device = at::kCPU;
  const auto bytes = [&](at::ScalarType stored, const char* line) {
    options.stored = stored;
    for (const auto& [what, size] : plan_memory(tiny_config(), {}, 2, options, 10).lines)
      if (what == line) return size;
    ADD_FAILURE() << "no line " << line;
    return 0.0;
  };
  const auto base = static_cast<double>(tiny_config().parameter_count());
  // 3 blocks; rank 3; inputs + outputs of q 24 + 24, k and v 24 + 12, o 24 + 24, and three times 24 + 40
  const double adapters = 3.0 * 3 * (48 + 36 + 36 + 48 + 3 * 64);
  EXPECT_DOUBLE_EQ(bytes(at::kBFloat16, "weights of the shard"), (2 * base + 4 * adapters) / 2);
  EXPECT_DOUBLE_EQ(bytes(at::kFloat, "weights of the shard"), (4 * base + 4 * adapters) / 2);
  EXPECT_DOUBLE_EQ(bytes(at::kBFloat16, "gradients of the shard"), 4 * adapters / 2);
  EXPECT_DOUBLE_EQ(bytes(at::kBFloat16, "optimizer's moments of the shard"), 8 * adapters / 2);
}

TEST_F(Adapters, ContinueFromACheckpointOfTheirOwn) {
  auto options = some_steps("parameters");
  auto whole = tiny_transformer(1), stopped = tiny_transformer(1), other = tiny_transformer(1), again = tiny_transformer(1);
  const auto expected = train(whole, {{&term_, 1.0}}, options, *group_);
  options.checkpoint_folder = folder_.path() / "training";
  install_stop_signal();
  EXPECT_THROW(train(stopped, {{&term_, 1.0}}, options, *group_, {},
                     [](const StepReport& report) {
                       if (report.step == 2) std::raise(SIGUSR1);
                     }),
               StoppedAtCheckpoint);
  reset_stop();
  EXPECT_FALSE(stopped.config().adapters.any());
  auto wider = options;
  wider.execution.lora_alpha = 32;
  EXPECT_THAT(message_of<UserError>([&] { train(other, {{&term_, 1.0}}, wider, *group_); }), HasSubstr("other"));
  const auto reports = train(again, {{&term_, 1.0}}, options, *group_);
  EXPECT_EQ(first_difference(again.weights(), whole.weights()), "");
  ASSERT_EQ(reports.size(), expected.size());
  for (std::size_t i = 0; i < reports.size(); ++i) EXPECT_EQ(reports[i].loss, expected[i].loss);
}

TEST_F(Adapters, TargetsThatTheModelHasNotAreRefused) {
  auto options = some_steps("parameters");
  auto model = tiny_transformer(1, tiny_config_of("gpt2")), llama = tiny_transformer(1);
  options.execution.lora_targets = "gate_proj";
  EXPECT_THAT(
      message_of<UserError>([&] {
        train(model, {{&term_, 1.0}}, options, *group_);
      }),
      AllOf(HasSubstr("names gate_proj, which the model has not"), HasSubstr("q_proj, k_proj, v_proj, o_proj, up_proj")));
  const auto only_norms = [](const std::string& name) { return name == "model.norm.weight"; };
  options.execution.lora_targets = "all";
  EXPECT_THAT(message_of<UserError>([&] {
                train(llama, {{&term_, 1.0}}, options, *group_, only_norms);
              }),
              HasSubstr("train.lora_targets names none of the projections that the method trains"));
  options.execution.lora_targets = "q_proj, wq";
  EXPECT_THAT(message_of<UserError>([&] { check_train_options(options); }), HasSubstr("it names wq"));
  options.execution.lora_targets = "all";
  options.execution.lora_rank = 0;
  options.execution.lora_result = LoraResult::adapter;
  EXPECT_THAT(message_of<UserError>([&] { check_train_options(options); }), HasSubstr("train.lora_rank is 0"));
}

}  // namespace
}  // namespace unpact
