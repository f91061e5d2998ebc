/// Memory of sharded training, counted by an allocator.
#include <ATen/ATen.h>
#include <c10/core/CPUAllocator.h>
#include <gtest/gtest.h>

#include <atomic>

#include "support/training_examples.hpp"
#include "unpact/train/trainer.hpp"

namespace unpact {
namespace {

/// Counts the bytes of all CPU tensors that are made while it is in place.
class CountingAllocator final : public c10::Allocator {
 public:
  CountingAllocator() : base_(c10::GetCPUAllocator()) { c10::SetCPUAllocator(this, kPriority); }
  ~CountingAllocator() override { c10::SetCPUAllocator(base_, kPriority); }

  c10::DataPtr allocate(std::size_t bytes) override {
    live += static_cast<std::int64_t>(bytes);
    peak = std::max(peak.load(), live.load());
    auto* piece = new Piece{base_->allocate(bytes), static_cast<std::int64_t>(bytes)};
    return {piece->memory.get(), piece, &give_back, at::kCPU};
  }
  void copy_data(void* to, const void* from, std::size_t bytes) const override { base_->copy_data(to, from, bytes); }

  static inline std::atomic<std::int64_t> live = 0, peak = 0;

 private:
  static constexpr std::uint8_t kPriority = 200;
  struct Piece {
    c10::DataPtr memory;
    std::int64_t bytes;
  };
  static void give_back(void* context) {
    const std::unique_ptr<Piece> piece(static_cast<Piece*>(context));
    live -= piece->bytes;
  }
  c10::Allocator* base_;
};

ModelConfig eight_blocks() {
  auto config = testing_support::tiny_config();
  config.hidden_size = 96;
  config.intermediate_size = 256;
  config.layers = 8;
  config.head_dim = 24;
  return config;
}

class ShardedMemory : public testing::TestWithParam<bool> {};

TEST_P(ShardedMemory, IsThatOfTheShardAndTwoBlocks) {
  static CountingAllocator allocator;  // outlives every tensor that it made
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
  const double block = static_cast<double>(4 * 96 * 96 / 4 * 3 + 3 * 96 * 256 + 2 * 96);  // two of four heads are shared
  const double ranks = world.size();
  // Two blocks with weights and gradients; on top of them the gradient of one matrix on its way into its place, the
  // received piece of a sum, and activations of a few tokens.
  const double two_blocks = 2 * 8 * block, on_the_way = 4 * (96 * 256 + block / ranks) + 200e3;
  const double kept = GetParam() && world.size() > 1 ? 4 * parameters : 0;
  const double limit = 16 * parameters / ranks + two_blocks + on_the_way + kept;
  RecordProperty("peak bytes", concat(peak));
  RecordProperty("limit", concat(limit));
  EXPECT_LE(peak, limit) << 16 * parameters / ranks << " + " << two_blocks << " + " << on_the_way;
  EXPECT_GE(peak, 16 * parameters / ranks);
}

INSTANTIATE_TEST_SUITE_P(Of, ShardedMemory, testing::Bool(),
                         [](const auto& test) { return test.param ? "gradients" : "parameters"; });

}  // namespace
}  // namespace unpact
