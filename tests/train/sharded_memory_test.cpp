/// Memory of sharded training, counted by an allocator.
#include <ATen/ATen.h>
#include <c10/core/CPUAllocator.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>

#include "support/shared_folder.hpp"
#include "support/training_examples.hpp"
#include "unpact/checkpoint/mapped_weights.hpp"
#include "unpact/checkpoint/safetensors.hpp"
#include "unpact/train/trainer.hpp"

namespace unpact {
namespace {

/// Counts the bytes of all CPU tensors that are made while it is in place. Their sizes stand in front of them, so that it can
/// also serve who asks for memory without a tensor, as oneDNN's products in bfloat16 do.
class CountingAllocator final : public c10::Allocator {
 public:
  CountingAllocator() {
    base_ = c10::GetCPUAllocator();
    c10::SetCPUAllocator(this, kPriority);
  }
  ~CountingAllocator() override { c10::SetCPUAllocator(base_, kPriority); }

  c10::DataPtr allocate(std::size_t bytes) override {
    live += static_cast<std::int64_t>(bytes);
    peak = std::max(peak.load(), live.load());
    auto* front = static_cast<char*>(base_->raw_allocate(bytes + kFront));
    std::memcpy(front, &bytes, sizeof bytes);
    return {front + kFront, front + kFront, &give_back, at::kCPU};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &give_back; }
  void copy_data(void* to, const void* from, std::size_t bytes) const override { base_->copy_data(to, from, bytes); }

  static inline std::atomic<std::int64_t> live = 0, peak = 0;

 private:
  static constexpr std::uint8_t kPriority = 200;
  static constexpr std::size_t kFront = 64;  // keeps the alignment
  static void give_back(void* memory) {
    auto* front = static_cast<char*>(memory) - kFront;
    std::size_t bytes = 0;
    std::memcpy(&bytes, front, sizeof bytes);
    live -= static_cast<std::int64_t>(bytes);
    base_->raw_deallocate(front);
  }
  static inline c10::Allocator* base_ = nullptr;
};

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

/// Outlives every tensor that it made.
void count_allocations() { static CountingAllocator allocator; }

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
  options.execution.shard = GetParam() ? "gradients" : "parameters";
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
    write_safetensors(folder.path() / "model.safetensors", file_tensors(config, testing_support::tiny_transformer(1, config).weights()));
  world.barrier();
  const CrossEntropyTerm term(testing_support::random_examples(8, 1));
  TrainOptions options;
  options.max_steps = 2;
  options.batch_size = options.micro_batch = world.size();
  options.execution.recompute = true;
  options.device = at::kCPU;
  options.keeper = 0;
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

INSTANTIATE_TEST_SUITE_P(Of, ShardedMemory, testing::Bool(),
                         [](const auto& test) { return test.param ? "gradients" : "parameters"; });

}  // namespace
}  // namespace unpact
