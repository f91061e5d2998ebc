/// A rank that waits for others leaves the core to those that compute.
#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <chrono>
#include <functional>
#include <thread>

#include "unpact/comm/agreement.hpp"
#include "unpact/comm/collectives.hpp"
#include "unpact/comm/fail_together.hpp"

namespace unpact {
namespace {

double cpu_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

/// Rank 0 comes last. @return what this rank computed, as a share of the time for which it waited.
double share_of_a_core(const Communicator& world, const std::function<void()>& meet) {
  constexpr double kSeconds = 0.4;
  world.barrier();
  const double before = cpu_seconds();
  if (world.is_root()) std::this_thread::sleep_for(std::chrono::duration<double>(kSeconds));
  meet();
  return (cpu_seconds() - before) / kSeconds;
}

constexpr double kMost = 0.3;  // a rank that spins uses one

class Waiting : public testing::Test {
 protected:
  void SetUp() override {
    if (world.size() == 1) GTEST_SKIP() << "needs ranks that wait";
  }
  const Communicator world = Communicator::world();
};

TEST_F(Waiting, InACommunicatorUsesNoCore) {
  EXPECT_LT(share_of_a_core(world, [&] { world.barrier(); }), kMost);
  EXPECT_LT(share_of_a_core(world, [&] { world.broadcast("text", 0); }), kMost);
  EXPECT_LT(share_of_a_core(world, [&] { world.max(1.0); }), kMost);
  EXPECT_LT(share_of_a_core(world, [&] { world.all_gather(1.0); }), kMost);
  EXPECT_LT(share_of_a_core(world, [&] { world.split(0, 0); }), kMost);
}

TEST_F(Waiting, ForAStepOfAllUsesNoCore) {
  Agreement agreement(world);
  EXPECT_LT(share_of_a_core(world, [&] { EXPECT_FALSE(agreement.run([] {}).error); }), kMost);
  EXPECT_LT(share_of_a_core(world, [&] { on_root(world, [] {}); }), kMost);
}

TEST_F(Waiting, InACollectiveOfTensorsUsesNoCore) {
  const auto line = make_collectives(world, at::kCPU);
  auto numbers = at::ones({4}), all = at::empty({4 * world.size()});
  EXPECT_LT(share_of_a_core(world, [&] { line->all_reduce(numbers); }), kMost);
  EXPECT_LT(share_of_a_core(world, [&] { line->start_all_gather(all, numbers)->wait(); }), kMost);
}

}  // namespace
}  // namespace unpact
