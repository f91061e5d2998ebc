#include "unpact/comm/memory.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <fstream>
#include <limits>

#include "core/temporary_folder.hpp"
#include "unpact/comm/communicator.hpp"
#include "unpact/comm/device.hpp"

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

class ControlGroups : public testing::Test {
 protected:
  void write(const std::string& file, const std::string& text) const {
    const auto path = folder_.path() / file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  std::uint64_t room() const { return room_of_control_groups(folder_.path() / "process", folder_.path() / "groups"); }

  testing_support::TemporaryFolder folder_;
  static constexpr auto kNone = std::numeric_limits<std::uint64_t>::max();
};

TEST_F(ControlGroups, TheTightestOfThoseAboveEachOtherLimits) {
  write("process", "0::/job_7/step_0/task_1\n");
  EXPECT_EQ(room(), kNone) << "no files";
  write("groups/job_7/memory.max", "max\n");
  write("groups/job_7/step_0/memory.max", "1000\n");
  write("groups/job_7/step_0/memory.current", "700\n");
  EXPECT_EQ(room(), 300U);
  write("groups/job_7/step_0/memory.stat", "anon 500\ninactive_file 150\n");
  EXPECT_EQ(room(), 450U) << "what was read from files is given up when memory is wanted";
  write("groups/job_7/step_0/task_1/memory.max", "400");
  write("groups/job_7/step_0/task_1/memory.current", "500");
  EXPECT_EQ(room(), 0U);
  write("process", "0::/../job_7/step_0/task_1\n");
  EXPECT_EQ(room(), kNone) << "outside of what is mounted here";
}

TEST_F(ControlGroups, TheFirstVersionHasAHierarchyForMemory) {
  write("process", "12:cpu,cpuacct:/other\n4:memory:/slurm/job_7\nnonsense\n");
  write("groups/memory/slurm/memory.limit_in_bytes", "9223372036854771712\n");
  write("groups/memory/slurm/job_7/memory.limit_in_bytes", "2000\n");
  write("groups/memory/slurm/job_7/memory.usage_in_bytes", "1500\n");
  write("groups/memory/slurm/job_7/memory.stat", "inactive_file 1\ntotal_inactive_file 100\n");
  EXPECT_EQ(room(), 600U);
}

TEST(RanksOfNode, AreWhatChooseDeviceFinds) {
  const auto world = Communicator::world();
  choose_device(world, DeviceChoice::cpu);
  EXPECT_EQ(ranks_of_node(), world.split_by_node().size());
}

}  // namespace
}  // namespace unpact
