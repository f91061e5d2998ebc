#include "unpact/comm/device.hpp"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <dlfcn.h>
#include <gmock/gmock.h>

#include "../../src/comm/gpu_operations.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(ChooseDevice, TheCpuIsAlwaysThere) {
  const auto world = Communicator::world();
  EXPECT_TRUE(choose_device(world, DeviceChoice::cpu).is_cpu());
  EXPECT_TRUE(choose_device(Communicator(), DeviceChoice::cpu).is_cpu());
}

TEST(ChooseDevice, WithoutAGpuAutoIsTheCpuAndCudaIsRefused) {
  if (at::hasCUDA()) GTEST_SKIP() << "a GPU is visible";
  const auto world = Communicator::world();
  EXPECT_TRUE(choose_device(world, DeviceChoice::automatic).is_cpu());
  try {
    choose_device(world, DeviceChoice::cuda);
    FAIL() << "there is no GPU";
  } catch (const UserError& error) {
    EXPECT_FALSE(error.reason().empty());
    EXPECT_FALSE(error.hint().empty());
  }
}

TEST(GpuOperations, AreLoadedWhereADriverIsAlone) {
  const bool driver = dlopen("libcuda.so.1", RTLD_LAZY) != nullptr;
  const auto multiply = c10::Dispatcher::singleton().findSchemaOrThrow("aten::mm", "");
  const bool loaded = multiply.hasKernelForDispatchKey(c10::DispatchKey::CUDA);
#ifdef UNPACT_HAS_CUDA
  EXPECT_EQ(loaded, driver);
#else
  EXPECT_FALSE(loaded) << "whatever driver is here: " << driver;
#endif
  EXPECT_EQ(missing_gpu_operations().empty(), loaded) << missing_gpu_operations();
}

TEST(ChooseDevice, ARankAloneWithAGpuTakesIt) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no GPU is visible";
  EXPECT_EQ(choose_device(Communicator(), DeviceChoice::automatic), at::Device(at::kCUDA, 0));
}

TEST(ChooseDevice, RanksThatShareAGpuAreRefusedOnEveryRank) {
  const auto world = Communicator::world();
  if (!at::hasCUDA() || at::getNumGPUs() >= static_cast<std::size_t>(world.split_by_node().size()))
    GTEST_SKIP() << "needs a GPU, and fewer GPUs than ranks";
  EXPECT_THROW(choose_device(world, DeviceChoice::cuda), UserError);
}

TEST(DescribeDevice, TheCpuHasAModelAndThreads) {
  EXPECT_THAT(describe_device(at::kCPU), AllOf(HasSubstr("cpu ("), HasSubstr(" thread")));
}

TEST(DescribeDevice, AGpuHasANameAndMemory) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no GPU is visible";
  EXPECT_THAT(describe_device(at::Device(at::kCUDA, 0)), AllOf(HasSubstr("cuda:0 ("), HasSubstr(" GiB)")));
}

TEST(PlacementProblem, OneGpuARankIsFine) {
  EXPECT_EQ(placement_problem({{"n1", "a", 0, 2, "0000:01:00.0"}, {"n1", "a", 1, 2, "0000:02:00.0"}}), "");
}

TEST(PlacementProblem, TheSameBusIdOnAnotherNodeIsAnotherGpu) {
  EXPECT_EQ(placement_problem({{"n1", "a", 0, 1, "0000:01:00.0"}, {"n2", "b", 0, 1, "0000:01:00.0"}}), "");
  // Containers on different nodes may have the same host name.
  EXPECT_EQ(placement_problem({{"n1", "c", 0, 1, "0000:01:00.0"}, {"n2", "c", 0, 1, "0000:01:00.0"}}), "");
}

TEST(PlacementProblem, TwoRanksOnOneGpuAreNamed) {
  const auto table = placement_problem({{"n1", "a", 0, 1, "0000:01:00.0"}, {"n1", "a", 1, 1, "0000:01:00.0"}});
  EXPECT_THAT(table, HasSubstr("rank  host"));
  EXPECT_THAT(table, HasSubstr("0000:01:00.0 (taken by rank 0)"));
}

TEST(PlacementProblem, OneNodeInTwoContainersIsStillOneNode) {
  EXPECT_THAT(placement_problem({{"n1", "a", 0, 1, "0000:01:00.0"}, {"n1", "b", 0, 1, "0000:01:00.0"}}),
              HasSubstr("taken by rank 0"));
}

TEST(PlacementProblem, FewerGpusThanRanksAndHiddenGpusAreNamed) {
  const auto table = placement_problem(
      {{"n1", "a", 0, 2, "0000:01:00.0"}, {"n1", "a", 1, 2, "0000:02:00.0"}, {"n1", "a", 2, 2, ""}, {"n2", "b", 0, 0, ""}});
  EXPECT_THAT(table, HasSubstr("none: fewer GPUs than ranks on this node"));
  EXPECT_THAT(table, HasSubstr("none: no GPU is visible"));
}

}  // namespace
}  // namespace unpact
