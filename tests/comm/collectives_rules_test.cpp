/// What collectives promise beyond exact sums: rounding, bit-equality, and errors instead of hangs.
#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include "unpact/comm/collectives.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

using testing::HasSubstr;

TEST(Collectives, Bfloat16SumsAreAccumulatedInFloat32) {
  // 256 + 1 + 1 + ...: in bfloat16 each single addition would be lost.
  const auto world = Communicator::world();
  const auto collectives = make_collectives(world, at::kCPU);
  const auto expected = at::full({1}, 256 + world.size() - 1, at::kFloat).to(at::kBFloat16).item<float>();
  const float mine = world.is_root() ? 256 : 1;
  auto tensor = at::full({5}, mine, at::kBFloat16);
  collectives->all_reduce(tensor);
  EXPECT_TRUE((tensor == expected).all().item<bool>());
  auto shard = at::empty({3}, at::kBFloat16);
  collectives->reduce_scatter(shard, at::full({3 * world.size()}, mine, at::kBFloat16));
  EXPECT_TRUE((shard == expected).all().item<bool>());
}

TEST(Collectives, AllReduceIsBitEqualOnEveryRank) {
  const auto world = Communicator::world();
  const auto collectives = make_collectives(world, at::kCPU);
  for (const auto dtype : {at::kFloat, at::kBFloat16}) {
    auto tensor = (at::arange(10'007, at::kFloat) * (1.0 + 0.1 * world.rank())).sin().to(dtype);
    collectives->all_reduce(tensor);
    const std::string bytes(static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes());
    for (const auto& other : world.all_gather(bytes)) EXPECT_TRUE(other == bytes);
  }
}

TEST(Collectives, NonFiniteValuesReachEveryRank) {
  const auto world = Communicator::world();
  const auto collectives = make_collectives(world, at::kCPU);
  for (const auto dtype : {at::kFloat, at::kBFloat16}) {
    auto tensor = at::zeros({2}, dtype);
    if (world.rank() == world.size() - 1) tensor[1] = std::numeric_limits<float>::quiet_NaN();
    collectives->all_reduce(tensor);
    EXPECT_EQ(tensor[0].item<float>(), 0);
    EXPECT_TRUE(tensor[1].isnan().item<bool>());
  }
}

TEST(Collectives, TheNameSaysTheImplementation) {
  const auto world = Communicator::world();
  const auto collectives = make_collectives(world, at::kCPU);
  EXPECT_EQ(collectives->name(), world.size() == 1 ? "single" : "mpi");
  EXPECT_EQ(collectives->rank(), world.rank());
  EXPECT_EQ(collectives->size(), world.size());
  EXPECT_EQ(make_collectives(Communicator(), at::kCPU)->name(), "single");
}

TEST(Collectives, WorkInsideEachHalfOfTheWorld) {
  const auto world = Communicator::world();
  const auto half = world.split(world.rank() % 2, world.rank());
  const auto collectives = make_collectives(half, at::kCPU);
  auto tensor = at::full({3}, world.rank(), at::kLong);
  collectives->all_reduce(tensor);
  EXPECT_EQ(tensor[2].item<std::int64_t>(), half.sum(std::int64_t{world.rank()}));
}

TEST(Collectives, BarrierWaitsForTheLastRank) {
  const auto world = Communicator::world();
  const auto collectives = make_collectives(world, at::kCPU);
  collectives->barrier();
  const auto start = std::chrono::steady_clock::now();
  if (world.rank() == world.size() - 1) std::this_thread::sleep_for(std::chrono::milliseconds(400));
  collectives->barrier();
  // The others may leave the first barrier late, though hardly by half of the wait.
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(200));
}

TEST(Collectives, DifferentSizesAreAnErrorOnEveryRank) {
  const auto world = Communicator::world();
  if (world.size() == 1) GTEST_SKIP() << "needs several ranks";
  const auto collectives = make_collectives(world, at::kCPU);
  auto tensor = at::zeros({world.is_root() ? 4 : 5});
  try {
    collectives->all_reduce(tensor);
    FAIL() << "the sizes differ";
  } catch (const RuntimeFailure& error) {
    EXPECT_THAT(error.reason(), HasSubstr("rank 0: collective #1 (all_reduce of 4 Float elements"));
    EXPECT_THAT(error.reason(), HasSubstr("rank 1: collective #1 (all_reduce of 5 Float elements"));
  }
}

TEST(Collectives, ADifferentOrderIsAnErrorOnEveryRank) {
  const auto world = Communicator::world();
  if (world.size() == 1) GTEST_SKIP() << "needs several ranks";
  const auto collectives = make_collectives(world, at::kCPU);
  auto tensor = at::zeros({4});
  if (world.is_root()) {
    EXPECT_THROW(collectives->all_reduce(tensor), RuntimeFailure);
  } else {
    EXPECT_THROW(collectives->broadcast(tensor, 0), RuntimeFailure);
  }
}

TEST(Collectives, AMissingRankIsATimeoutThatNamesTheCollective) {
  const auto world = Communicator::world();
  if (world.size() == 1) GTEST_SKIP() << "needs several ranks";
  CollectiveOptions options;
  options.timeout_seconds = 2;
  const auto collectives = make_collectives(world, at::kCPU, options);
  collectives->barrier();
  const bool is_missing = world.rank() == world.size() - 1;
  if (!is_missing) {
    try {
      collectives->barrier();
      ADD_FAILURE() << "a rank is missing";
    } catch (const RuntimeFailure& error) {
      EXPECT_THAT(error.problem(), HasSubstr("rank " + std::to_string(world.rank())));
      EXPECT_THAT(error.problem(), HasSubstr("collective #2 (barrier"));
      EXPECT_THAT(error.reason(), HasSubstr("2 s"));
    }
  }
  world.barrier();
  if (is_missing) collectives->barrier();  // late, so that MPI can end cleanly
}

TEST(Collectives, TheTimeLimitFromTheEnvironmentIsChecked) {
  for (const char* bad : {"", "soon", "-1", "0", "nan", "5 s"}) {
    setenv("UNPACT_COLLECTIVE_TIMEOUT", bad, 1);
    EXPECT_THROW(make_collectives(Communicator(), at::kCPU), UserError) << bad;
  }
  setenv("UNPACT_COLLECTIVE_TIMEOUT", "12.5", 1);
  EXPECT_NO_THROW(make_collectives(Communicator(), at::kCPU));
  unsetenv("UNPACT_COLLECTIVE_TIMEOUT");
}

TEST(Collectives, ManyRanksOnGpusNeedNccl) {
#ifdef UNPACT_HAS_NCCL
  GTEST_SKIP() << "NCCL is built in";
#else
  const auto world = Communicator::world();
  if (world.size() == 1) GTEST_SKIP() << "needs several ranks";
  EXPECT_THROW(make_collectives(world, at::Device(at::kCUDA, 0)), UserError);
#endif
}

}  // namespace
}  // namespace unpact
