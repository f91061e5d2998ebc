/// Sharded training against the replicated trainer on one rank.
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/temporary_folder.hpp"
#include "support/tiny_architectures.hpp"
#include "support/named.hpp"
#include "support/training_examples.hpp"
#include "unpact/train/trainer.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing_support::first_difference;
using testing_support::message_of;
using testing_support::random_examples;
using testing_support::relative_difference;
using testing_support::tiny_config;
using testing_support::tiny_config_of;
using testing_support::tiny_transformer;

TrainOptions ten_steps(const std::string& shard, bool recompute) {
  TrainOptions options;
  options.max_steps = 10;
  options.batch_size = 7;
  options.micro_batch = 2;
  options.learning_rate = 1e-3;
  options.schedule = Schedule::cosine;
  options.warmup_steps = 2;
  options.adamw.weight_decay = 0.1;
  options.execution.shard = testing_support::named<Shard>(shard);
  options.execution.recompute = recompute;
  return options;
}

class ShardedRanks : public testing::Test {
 protected:
  void expect_same_as_reference(const ModelConfig& config, const std::vector<WeightedTerm>& terms,
                                const TrainOptions& options, const std::function<bool(const std::string&)>& selected = {}) {
    auto together = tiny_transformer(1, config), alone = tiny_transformer(1, config);
    auto reference = options;
    reference.execution = {};
    reference.execution.shard = Shard::none;
    const auto reports = train(together, terms, options, *group_, selected);
    const auto expected = train(alone, terms, reference, *single_, selected);
    // The gradients' sums differ in their order alone; Adam turns that into less than 1e-6 of the weights.
    const double difference = relative_difference(together.weights(), alone.weights());
    RecordProperty("relative difference", concat(difference));
    EXPECT_LE(difference, 1e-6);
    EXPECT_GT(relative_difference(alone.weights(), tiny_transformer(1, config).weights()), 1e-4);
    ASSERT_EQ(reports.size(), expected.size());
    for (std::size_t i = 0; i < reports.size(); ++i) {
      EXPECT_NEAR(reports[i].loss, expected[i].loss, 1e-4);
      EXPECT_NEAR(reports[i].gradient_norm, expected[i].gradient_norm, 1e-4 * expected[i].gradient_norm);
      EXPECT_EQ(reports[i].targets, expected[i].targets);
    }
    EXPECT_EQ(together.weights().head_VD.is_same(together.weights().embedding_VD), config.tied_embeddings);
    for (const auto& [name, tensor] : named_tensors(together.weights())) EXPECT_FALSE(tensor.requires_grad()) << name;
  }

  Communicator world_ = Communicator::world(), null_;
  std::unique_ptr<Collectives> group_ = make_collectives(world_, at::kCPU), single_ = make_collectives(null_, at::kCPU);
};

using ShardSettings = std::tuple<const char*, bool, bool>;  // shard, recompute, tied head
class ShardedMode : public ShardedRanks, public testing::WithParamInterface<ShardSettings> {};

TEST_P(ShardedMode, GivesTheParametersOfTheReference) {
  const auto& [shard, recompute, tied] = GetParam();
  auto config = tiny_config();
  config.tied_embeddings = tied;
  const CrossEntropyTerm up(random_examples(13, 1)), down(random_examples(5, 2));
  expect_same_as_reference(config, {{&down, -0.3}, {&up, 1.0}}, ten_steps(shard, recompute));
}

TEST_P(ShardedMode, MayHaveFewerExamplesThanRanks) {
  const auto& [shard, recompute, tied] = GetParam();
  auto config = tiny_config();
  config.tied_embeddings = tied;
  const CrossEntropyTerm term(random_examples(5, 3));
  auto options = ten_steps(shard, recompute);
  options.max_steps = 3;
  options.batch_size = 1;
  expect_same_as_reference(config, {{&term, 1.0}}, options);
}

TEST_P(ShardedMode, TrainsTheSelectedAlone) {
  const auto& [shard, recompute, tied] = GetParam();
  auto config = tiny_config();
  config.tied_embeddings = tied;
  const CrossEntropyTerm term(random_examples(7, 4));
  const auto selected = [](const std::string& name) {
    return name == "model.layers.1.mlp.down_proj.weight" || name == "model.layers.1.self_attn.q_proj.weight";
  };
  auto options = ten_steps(shard, recompute);
  options.max_steps = 3;
  expect_same_as_reference(config, {{&term, 1.0}}, options, selected);
  auto model = tiny_transformer(1, config);
  train(model, {{&term, 1.0}}, options, *group_, selected);
  const auto before = named_tensors(tiny_transformer(1, config).weights()), after = named_tensors(model.weights());
  for (std::size_t i = 0; i < before.size(); ++i)
    EXPECT_EQ(at::equal(before[i].second, after[i].second), !selected(before[i].first)) << before[i].first;
}

/// Every block has an odd number of weights, and one of the outer units, too: neither 2 nor 4 ranks divide them.
TEST_P(ShardedMode, MayCutUnitsThatNoNumberOfRanksDivides) {
  const auto& [shard, recompute, tied] = GetParam();
  auto config = tiny_config();
  config.tied_embeddings = tied;
  config.hidden_size = 21;
  config.intermediate_size = 41;
  if (tied) config.vocabulary_size = 62;
  const CrossEntropyTerm term(random_examples(13, 1));
  expect_same_as_reference(config, {{&term, 1.0}}, ten_steps(shard, recompute));
}

INSTANTIATE_TEST_SUITE_P(Of, ShardedMode,
                         testing::Combine(testing::Values("parameters", "gradients"), testing::Bool(), testing::Bool()),
                         [](const auto& test) {
                           return concat(std::get<0>(test.param), std::get<1>(test.param) ? "_recomputed" : "",
                                         std::get<2>(test.param) ? "_tied" : "");
                         });

/// What a rank gathers and sums it then gets from itself, over MPI.
TEST_P(ShardedMode, OneRankMayReallySend) {
  if (world_.size() > 1) GTEST_SKIP() << "for one rank";
  CollectiveOptions really;
  really.even_alone = true;
  group_ = make_collectives(world_, at::kCPU, really);
  ASSERT_EQ(group_->name(), "mpi");
  const auto& [shard, recompute, tied] = GetParam();
  auto config = tiny_config();
  config.tied_embeddings = tied;
  const CrossEntropyTerm up(random_examples(13, 1)), down(random_examples(5, 2));
  expect_same_as_reference(config, {{&down, -0.3}, {&up, 1.0}}, ten_steps(shard, recompute));
}

class ShardedArchitecture : public ShardedRanks, public testing::WithParamInterface<std::string> {};

TEST_P(ShardedArchitecture, GivesTheParametersOfTheReference) {
  const CrossEntropyTerm term(random_examples(9, 5));
  auto options = ten_steps("parameters", true);
  options.max_steps = 5;
  const auto config = tiny_config_of(GetParam());
  // The part of a key's bias that no position turns has no gradient but rounding, which Adam would blow up to full steps.
  const bool turns_all = config.block.positions == PositionKind::rotary && config.rotary_dim == 0;
  if (config.block.query_key_value_bias && !turns_all) options.adamw.epsilon = 1e-5;
  expect_same_as_reference(config, {{&term, 1.0}}, options);
}

INSTANTIATE_TEST_SUITE_P(Of, ShardedArchitecture, testing::ValuesIn(testing_support::tiny_architectures()),
                         [](const auto& test) { return test.param; });

/// Looks at the model twice, at its logits in pieces, and at an inner block: all that a loss may do in one sum.
class ManyPassesTerm : public CrossEntropyTerm {
 public:
  using CrossEntropyTerm::CrossEntropyTerm;
  at::Tensor sum(const Transformer& model, ExampleIndices indices) const override {
    const auto first = CrossEntropyTerm::sum(model, indices);
    const auto inner = model.block_output(at::full({1, 3}, indices[0] % 7, at::kLong), 1).square().mean();
    const auto hidden_RD = model.hidden(at::full({2, 4}, indices[0] % 5, at::kLong)).flatten(0, 1);
    auto total = first + inner;
    for (std::int64_t row = 0; row < 2 + indices[0] % 3; ++row) total = total + model.logits(hidden_RD[row]).logsumexp(0);
    return total;
  }
};

TEST_P(ShardedMode, ALossMayLookSeveralTimes) {
  const auto& [shard, recompute, tied] = GetParam();
  auto config = tiny_config();
  config.tied_embeddings = tied;
  auto examples = random_examples(9, 6);
  const ManyPassesTerm term(examples);
  auto options = ten_steps(shard, recompute);
  options.max_steps = 3;
  options.micro_batch = 1;  // the term's extra parts depend on the first example alone
  expect_same_as_reference(config, {{&term, 1.0}}, options);
}

/// Not finite when example `bad` is drawn; only one rank sees it.
class PoisonedCrossEntropy : public CrossEntropyTerm {
 public:
  PoisonedCrossEntropy(std::shared_ptr<const std::vector<Example>> examples, std::int64_t bad, bool spoil_value)
      : CrossEntropyTerm(std::move(examples)), bad_(bad), spoil_value_(spoil_value) {}
  at::Tensor sum(const Transformer& model, ExampleIndices indices) const override {
    const auto harmless = CrossEntropyTerm::sum(model, indices);
    if (std::find(indices.begin(), indices.end(), bad_) == indices.end()) return harmless;
    return spoil_value_ ? harmless * std::nan("") : harmless + (harmless * 0.0).sqrt();  // slope infinity times 0
  }

 private:
  std::int64_t bad_;
  bool spoil_value_;
};

TEST_P(ShardedMode, ANonFiniteStepEndsTheTrainingOnEveryRankBeforeAWeightChanges) {
  const auto& [shard, recompute, tied] = GetParam();
  auto config = tiny_config();
  config.tied_embeddings = tied;
  auto options = ten_steps(shard, recompute);
  options.shuffle = false;
  options.schedule = Schedule::constant;
  const auto examples = random_examples(40, 7);
  for (const bool spoil_value : {true, false}) {
    const PoisonedCrossEntropy term(examples, 2 * options.batch_size + 5, spoil_value);
    auto model = tiny_transformer(1, config), expected = tiny_transformer(1, config);
    std::int64_t steps = 0;
    EXPECT_THAT(message_of<TrainingDiverged>([&] {
                  train(model, {{&term, 1.0}}, options, *group_, {}, [&](const StepReport&) { ++steps; });
                }),
                AllOf(HasSubstr("step 3 is not finite"), HasSubstr("the gradient of model.embed_tokens.weight")));
    EXPECT_EQ(steps, 2);
    auto two_steps = options;
    two_steps.max_steps = 2;
    train(expected, {{&term, 1.0}}, two_steps, *group_);
    EXPECT_EQ(first_difference(model.weights(), expected.weights()), "");
  }
}

TEST_P(ShardedMode, LossesAreThoseOfAPlainPyTorchLoop) {
  UNPACT_NEED_PARITY("training.json");
  const auto& [shard, recompute, tied] = GetParam();
  const auto expected = read_json_file(testing_support::parity("training.json"));
  const testing_support::Expected fixture("losses.safetensors");
  const CrossEntropyTerm forget(testing_support::read_examples(fixture, "forget")),
      retain(testing_support::read_examples(fixture, "retain"));
  auto model = testing_support::load_transformer(testing_support::parity(tied ? "losses_tied" : "losses_theta"));
  auto options = ten_steps(shard, recompute);
  options.max_steps = expected["steps"];
  options.batch_size = 12;  // four times the forget set, three times the retain set: the same means as of all once
  options.learning_rate = expected["lr"];
  options.schedule = Schedule::linear;
  options.warmup_steps = expected["warmup"];
  options.clip_norm = expected["clip"];
  options.adamw.weight_decay = expected["weight_decay"];
  const auto reports = train(model, {{&forget, -expected["gamma"].get<double>()}, {&retain, 1.0}}, options, *group_);
  for (std::size_t i = 0; i < reports.size(); ++i) {
    const auto at = (tied ? reports.size() : 0) + i;
    // float32 in another order, through 20 steps of Adam; losses are about 4.
    EXPECT_NEAR(reports[i].loss, expected["losses"][at].get<double>(), 1e-4) << "step " << i;
    EXPECT_NEAR(reports[i].term_losses[0], expected["terms"][at][0].get<double>(), 1e-4) << "step " << i;
  }
}

TEST_F(ShardedRanks, TermsAreClippedAloneAsAPlainPyTorchLoopDoes) {
  const auto expected = read_json_file(testing_support::parity("training_by_terms.json"));
  const testing_support::Expected fixture("losses.safetensors");
  const CrossEntropyTerm forget(testing_support::read_examples(fixture, "forget")),
      retain(testing_support::read_examples(fixture, "retain"));
  for (const char* shard : {"none", "parameters"}) {
    auto model = testing_support::load_transformer(testing_support::parity("losses_theta"));
    auto options = ten_steps(shard, false);
    options.max_steps = expected["steps"];
    options.batch_size = 12;  // four times the forget set, three times the retain set: the same means as of all once
    options.micro_batch = 12;
    options.learning_rate = expected["lr"];
    options.schedule = Schedule::constant;
    options.warmup_steps = 0;
    options.clip_norm = expected["clip_terms"];
    options.clip = ClipRule::terms;
    options.adamw.weight_decay = expected["weight_decay"];
    const auto reports = train(model, {{&forget, -expected["gamma"].get<double>()}, {&retain, 1.0}}, options, *group_);
    ASSERT_EQ(reports.size(), expected["rows"].size());
    for (std::size_t i = 0; i < reports.size(); ++i) {
      const auto& row = expected["rows"][i];
      ASSERT_EQ(reports[i].term_norms.size(), 2);
      for (const std::size_t k : {0, 1}) {
        // float32 in another order, through 20 steps of Adam; losses are about 4, norms about 1.
        EXPECT_NEAR(reports[i].term_losses[k], row["terms"][k].get<double>(), 1e-4) << shard << ", step " << i;
        EXPECT_NEAR(reports[i].term_norms[k], row["norms"][k].get<double>(), 1e-3) << shard << ", step " << i;
      }
    }
  }
}

TEST_F(ShardedRanks, OneTermClippedAloneIsClippedAsASum) {
  const CrossEntropyTerm term(random_examples(9, 4));
  auto options = ten_steps("parameters", false);
  options.clip_norm = 0.5;
  auto whole = tiny_transformer(1), alone = tiny_transformer(1);
  train(whole, {{&term, 1.0}}, options, *group_);
  options.clip = ClipRule::terms;
  const auto reports = train(alone, {{&term, 1.0}}, options, *group_);
  EXPECT_EQ(first_difference(whole.weights(), alone.weights()), "");
  EXPECT_GT(reports.front().term_norms.at(0), 0.5);
  EXPECT_NEAR(reports.front().gradient_norm, 0.5, 1e-5);  // clip_norm / (norm + 1e-6) of it
}

TEST_F(ShardedRanks, Bfloat16FollowsFloat32) {
  const CrossEntropyTerm term(random_examples(13, 8));
  for (const auto master : {MasterWeights::fp32, MasterWeights::none}) {
    for (const bool recompute : {false, true}) {
      auto options = ten_steps("parameters", recompute);
      options.learning_rate = 1e-2;
      options.max_steps = 10;
      auto exact = tiny_transformer(1), rounded = tiny_transformer(1);
      const auto expected = train(exact, {{&term, 1.0}}, options, *group_);
      options.execution.dtype = ComputeType::bf16;
      options.execution.master_weights = master;
      const auto reports = train(rounded, {{&term, 1.0}}, options, *group_);
      // bfloat16 keeps 8 bits: each of a few roundings along the way moves the loss by up to 2^-8 of it.
      for (std::size_t i = 0; i < reports.size(); ++i)
        EXPECT_NEAR(reports[i].loss, expected[i].loss, 0.06 * expected[0].loss) << name_of_value(master) << " step " << i;
      EXPECT_LT(reports.back().loss, 0.8 * reports.front().loss) << name_of_value(master);
      EXPECT_EQ(rounded.weights().embedding_VD.scalar_type(), at::kFloat);
    }
  }
}

TEST_F(ShardedRanks, Bfloat16WithoutMastersLosesSmallSteps) {
  const CrossEntropyTerm term(random_examples(13, 8));
  const auto moved = [&](MasterWeights master) {
    auto options = ten_steps("parameters", false);
    options.max_steps = 1;
    options.warmup_steps = 0;
    options.learning_rate = 1e-5;
    options.adamw.weight_decay = 0;
    options.execution.dtype = ComputeType::bf16;
    options.execution.master_weights = master;
    auto model = tiny_transformer(1);
    const auto before = model.weights().embedding_VD.to(at::kBFloat16).to(at::kFloat);
    train(model, {{&term, 1.0}}, options, *group_);
    return (model.weights().embedding_VD.to(at::kFloat) - before).abs().gt(1e-6).to(at::kFloat).mean().item<double>();
  };
  EXPECT_LT(moved(MasterWeights::none),
            0.2);  // a step of 1e-5 is below half a unit in the last place of most weights of 0.2
  EXPECT_GT(moved(MasterWeights::fp32), 0.5);
}

}  // namespace
}  // namespace unpact
