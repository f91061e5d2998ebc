#include "unpact/comm/memory.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace unpact {
namespace {

TEST(PeakMemory, OfAStageDoesNotCountWhatTheOneBeforeHasFreed) {
  constexpr std::int64_t kElements = 1 << 26;  // 256 MiB
  const double bytes = 4.0 * kElements;
  reset_peak_memory(at::kCPU);
  const auto before = static_cast<double>(peak_memory(at::kCPU));
  {
    const auto large = at::ones({kElements});
    std::vector<at::Tensor> small;  // from the heap, which keeps what is freed
    for (int i = 0; i < 1024; ++i) small.push_back(at::ones({1 << 14}));
  }
  const auto used = static_cast<double>(peak_memory(at::kCPU));
  EXPECT_GT(used, before + bytes);
  reset_peak_memory(at::kCPU);
  const auto after = static_cast<double>(peak_memory(at::kCPU));
  if (after == used) GTEST_SKIP() << "this system does not let a process reset its peak";
  EXPECT_LT(after, before + 0.1 * bytes);
}

}  // namespace
}  // namespace unpact
