/// Memory of sharded training, counted by an allocator.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "support/counting_allocator.hpp"
#include "support/shared_folder.hpp"
#include "support/training_examples.hpp"
#include "unpact/checkpoint/mapped_weights.hpp"
#include "unpact/checkpoint/safetensors.hpp"
#include "unpact/train/sharded_model.hpp"
#include "unpact/train/trainer.hpp"
#include "unpact/train/training_checkpoint.hpp"

namespace unpact {
namespace {

using testing_support::count_allocations;
using testing_support::CountingAllocator;

ModelConfig eight_blocks() {
  auto config = testing_support::tiny_config();
  config.hidden_size = 96;
  config.intermediate_size = 256;
  config.layers = 8;
  config.head_dim = 24;
  return config;
}

/// What a rank may need of a model of eight blocks beside its pieces.
double passing_bytes(const ModelConfig& config, double ranks) {
  const double block = static_cast<double>(4 * 96 * 96 / 4 * 3 + 3 * 96 * 256 + 2 * 96);  // two of four heads are shared
  UNPACT_EXPECT(config.hidden_size == 96);
  // Two blocks with weights and gradients; on top of them the gradient of one matrix on its way into its place, the
  // received piece of a sum, and activations of a few tokens.
  return 2 * 8 * block + 4 * (96 * 256 + block / ranks) + 200e3;
}

class ShardedMemory : public testing::TestWithParam<bool> {};

TEST_P(ShardedMemory, IsThatOfTheShardAndTwoBlocks) {
  count_allocations();
  const auto world = Communicator::world();
  const auto group = make_collectives(world, at::kCPU);
  const auto config = eight_blocks();
  const CrossEntropyTerm term(testing_support::random_examples(8, 1));
  TrainOptions options;
  options.max_steps = 3;
  options.batch_size = options.micro_batch = world.size();
  options.execution.recompute = true;
  options.execution.shard = GetParam() ? Shard::gradients : Shard::parameters;
  const auto before = CountingAllocator::live.load();
  auto model = testing_support::tiny_transformer(1, config);
  std::int64_t highest = 0;
  train(model, {{&term, 1.0}}, options, *group, {}, [&](const StepReport& report) {
    if (report.step == 1) CountingAllocator::peak = CountingAllocator::live.load();
    if (report.step == 3) highest = CountingAllocator::peak.load();
  });
  const auto peak = static_cast<double>(highest - before);
  const auto parameters = static_cast<double>(config.parameter_count());
  const double ranks = world.size();
  const double kept = GetParam() && world.size() > 1 ? 4 * parameters : 0;
  const double limit = 16 * parameters / ranks + passing_bytes(config, ranks) + kept;
  RecordProperty("peak bytes", concat(peak));
  RecordProperty("limit", concat(limit));
  EXPECT_LE(peak, limit) << 16 * parameters / ranks << " + " << passing_bytes(config, ranks);
  EXPECT_GE(peak, 16 * parameters / ranks);
}

/// From the first byte that is read to the result: no rank but the keeper ever holds the whole model.
TEST(MappedMemory, IsThatOfTheShardFromBeginningToEnd) {
  count_allocations();
  const auto world = Communicator::world();
  const testing_support::SharedFolder folder(world);
  const auto group = make_collectives(world, at::kCPU);
  const auto config = eight_blocks();
  if (world.is_root())
    write_safetensors(folder.path() / "model.safetensors",
                      file_tensors(config, testing_support::tiny_transformer(1, config).weights()));
  world.barrier();
  const CrossEntropyTerm term(testing_support::random_examples(8, 1));
  TrainOptions options;
  options.max_steps = 2;
  options.batch_size = options.micro_batch = world.size();
  options.execution.recompute = true;
  options.device = at::kCPU;
  options.result.keeper = 0;
  const auto before = CountingAllocator::live.load();
  CountingAllocator::peak = before;
  Transformer model(config, map_weights(config, folder.path()));
  train(model, {{&term, 1.0}}, options, *group);
  const auto peak = static_cast<double>(CountingAllocator::peak.load() - before);
  const auto parameters = static_cast<double>(config.parameter_count());
  const double result = world.is_root() ? 4 * parameters : 0;
  const double limit = 16 * parameters / world.size() + passing_bytes(config, world.size()) + result;
  RecordProperty("peak bytes", concat(peak));
  RecordProperty("limit", concat(limit));
  EXPECT_LE(peak, limit) << 16 * parameters / world.size() << " + " << passing_bytes(config, world.size());
  EXPECT_GE(peak, 16 * parameters / world.size());
}

/// When the steps are over, whole weights come out of the shards unit by unit, and nothing else of the training is there.
TEST(ResultMemory, IsThatOfTheShardTheResultAndTwoUnits) {
  count_allocations();
  const auto world = Communicator::world();
  const auto group = make_collectives(world, at::kCPU);
  const auto config = eight_blocks();
  const auto parameters = static_cast<double>(config.parameter_count());
  for (const auto dtype : {at::kFloat, at::kBFloat16}) {
    const CrossEntropyTerm term(testing_support::random_examples(8, 1));
    TrainOptions options;
    options.max_steps = 1;
    options.batch_size = options.micro_batch = world.size();
    options.result.dtype = dtype;
    const auto before = CountingAllocator::live.load();
    auto model = testing_support::tiny_transformer(1, config);
    std::int64_t between = 0, handed_over = 0;
    options.result.before = [&] { handed_over = CountingAllocator::live.load(); };
    train(model, {{&term, 1.0}}, options, *group, {}, [&](const StepReport&) { between = CountingAllocator::live.load(); });
    const auto after = static_cast<double>(CountingAllocator::live.load() - before);
    const double bytes = dtype == at::kFloat ? 4 : 2;
    EXPECT_GE(static_cast<double>(between - before), 16 * parameters / world.size());
    EXPECT_LE(static_cast<double>(handed_over - before), 4 * parameters / world.size() + passing_bytes(config, world.size()))
        << "what only steps need is gone when the next stage begins";
    EXPECT_NEAR(after, bytes * parameters, 0.01 * bytes * parameters + 1000 * world.size()) << "the result alone is left";
    for (const auto& [name, weight] : named_tensors(model.weights())) EXPECT_EQ(weight.scalar_type(), dtype) << name;
  }
}

TEST(ResultMemory, AtItsPeakHasNeitherGradientsNorMoments) {
  count_allocations();
  const auto world = Communicator::world();
  const auto group = make_collectives(world, at::kCPU);
  const auto config = eight_blocks();
  auto model = testing_support::tiny_transformer(1, config);
  const auto before = CountingAllocator::live.load();
  ShardedModel sharded(model, [](const std::string&) { return true; }, *group, {});
  sharded.drop_gradients();
  CountingAllocator::peak = CountingAllocator::live.load();
  sharded.restore({.dtype = at::kBFloat16});
  const auto peak = static_cast<double>(CountingAllocator::peak.load() - before);
  const auto parameters = static_cast<double>(config.parameter_count());
  const double unit = static_cast<double>(4 * 96 * 96 / 4 * 3 + 3 * 96 * 256 + 2 * 96);
  // The model that it was cut from is gone by then: hence the difference may even be negative.
  const double limit = 4 * parameters / world.size() + 2 * parameters + 2 * 4 * unit - 4 * parameters;
  EXPECT_LE(peak, limit + 200e3);
}

/// Values and moments are read into the tensors that are there.
TEST(ResumedMemory, IsThatOfTheStateAlone) {
  count_allocations();
  const auto world = Communicator::world();
  const testing_support::SharedFolder folder(world);
  const auto group = make_collectives(world, at::kCPU);
  constexpr std::int64_t kShardElements = 1 << 20;
  const std::vector<ShardPiece> pieces = {
      {"a", kShardElements * world.size(), kShardElements, 0},
      {"b", kShardElements * world.size() - (world.size() > 1 ? 1 : 0), kShardElements, kShardElements}};
  const auto mine = at::arange(2 * kShardElements, at::kFloat) + world.rank();
  TrainingCheckpoints checkpoints(folder.path() / "training", "f", pieces, *group, at::kCPU, 2);
  checkpoints.start_save({mine, mine + 1, mine + 2, 3, {1.0}, Json::array()});
  checkpoints.finish();
  world.barrier();
  TrainingState state{at::zeros_like(mine), at::zeros_like(mine), at::zeros_like(mine), 0, {}, {}};
  const auto values = state.values;
  const auto before = CountingAllocator::live.load();
  CountingAllocator::peak = before;
  ASSERT_TRUE(checkpoints.load(state));
  EXPECT_LT(CountingAllocator::peak.load() - before, 4 * kShardElements) << "a second set would be 24 times that";
  EXPECT_TRUE(state.values.is_same(values));
  EXPECT_TRUE(at::equal(values.narrow(0, 0, kShardElements), mine.narrow(0, 0, kShardElements)));
  EXPECT_TRUE(at::equal(state.second_moment.narrow(0, 0, kShardElements), mine.narrow(0, 0, kShardElements) + 2));
}

INSTANTIATE_TEST_SUITE_P(Of, ShardedMemory, testing::Bool(),
                         [](const auto& test) { return test.param ? "gradients" : "parameters"; });

}  // namespace
}  // namespace unpact
