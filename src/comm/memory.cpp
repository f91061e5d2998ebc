#include "unpact/comm/memory.hpp"

#include <c10/core/Device.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <limits>
#include <string>

#include "unpact/core/error.hpp"

#ifdef __GLIBC__
#include <malloc.h>
#endif
#ifdef UNPACT_HAS_CUDA
#include <c10/cuda/CUDACachingAllocator.h>

#include "unpact/core/cuda_check.hpp"
#endif

namespace unpact {
namespace {

/// The number of kB behind `key` in a file of /proc, in bytes; 0 when it is not there.
std::uint64_t proc_bytes(const char* path, const std::string& key) {
  std::ifstream file(path);
  for (std::string word; file >> word;) {
    if (word != key) {
      file.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
      continue;
    }
    std::uint64_t kilobytes = 0;
    file >> kilobytes;
    return kilobytes * 1024;
  }
  return 0;
}

constexpr auto kNoLimit = std::numeric_limits<std::uint64_t>::max();
std::atomic<int> sharing_ranks{1};

/// The number that a file begins with; `otherwise` where there is none, as in "max".
std::uint64_t number_in(const std::filesystem::path& path, std::uint64_t otherwise) {
  std::ifstream file(path);
  std::uint64_t number = 0;
  return file >> number ? number : otherwise;
}

std::uint64_t number_after(const std::filesystem::path& path, const std::string& key) {
  std::ifstream file(path);
  std::uint64_t number = 0;
  for (std::string word; file >> word >> number;)
    if (word == key) return number;
  return 0;
}

/// One hierarchy of groups: the names that its files have.
struct GroupFiles {
  std::string limit, used, cached;  ///< `cached`: a key of memory.stat
};

std::uint64_t room_of_group(const std::filesystem::path& folder, const GroupFiles& files) {
  const auto limit = number_in(folder / files.limit, kNoLimit);
  if (limit >= kNoLimit / 4) return kNoLimit;  // version 1 says a very large number
  const auto used = number_in(folder / files.used, 0), cached = number_after(folder / "memory.stat", files.cached);
  return limit - std::min(limit, used - std::min(used, cached));
}

std::uint64_t room_up_from(const std::filesystem::path& root, const std::filesystem::path& group, const GroupFiles& files) {
  auto room = room_of_group(root, files);  // in a container it may be the process's own
  auto folder = root;
  for (const auto& part : group.relative_path()) {
    if (part == "..") break;
    folder /= part;
    room = std::min(room, room_of_group(folder, files));
  }
  return room;
}

#ifdef UNPACT_HAS_CUDA
c10::CachingDeviceAllocator::DeviceStats cuda_statistics(const c10::Device& device) {
  return c10::cuda::CUDACachingAllocator::getDeviceStats(device.has_index() ? device.index()
                                                                            : static_cast<c10::DeviceIndex>(0));
}
constexpr std::size_t kAllPools = 0;  // of StatType: the sum over small and large blocks
#endif

}  // namespace

std::uint64_t room_of_control_groups(const std::filesystem::path& process, const std::filesystem::path& root) {
  auto room = kNoLimit;
  std::ifstream file(process);
  for (std::string line; std::getline(file, line);) {  // number:controllers:group; version 2 has no controllers
    const auto first = line.find(':'), second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const auto controllers = concat(",", line.substr(first + 1, second - first - 1), ","), group = line.substr(second + 1);
    if (controllers == ",,")
      room = std::min(room, room_up_from(root, group, {"memory.max", "memory.current", "inactive_file"}));
    if (controllers.find(",memory,") != std::string::npos)
      room = std::min(room, room_up_from(root / "memory", group,
                                         {"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"}));
  }
  return room;
}

int ranks_of_node() { return sharing_ranks; }
void set_ranks_of_node(int ranks) { sharing_ranks = std::max(1, ranks); }

std::uint64_t available_memory(const c10::Device& device) {
  if (device.is_cpu()) {
    const auto bytes = proc_bytes("/proc/meminfo", "MemAvailable:");
    if (bytes == 0) throw RuntimeFailure("the free memory is unknown", "/proc/meminfo has no MemAvailable", "mount /proc");
    return std::min(bytes, room_of_control_groups("/proc/self/cgroup", "/sys/fs/cgroup"));
  }
#ifdef UNPACT_HAS_CUDA
  std::size_t free = 0, total = 0;
  UNPACT_CUDA_CALL(cudaMemGetInfo(&free, &total));
  if (!c10::cuda::CUDACachingAllocator::get()->initialized()) return free;  // LibTorch holds nothing yet
  const auto stats = cuda_statistics(device);
  return free +
         static_cast<std::uint64_t>(stats.reserved_bytes[kAllPools].current - stats.allocated_bytes[kAllPools].current);
#else
  throw ContractViolation("precondition", "a device of this build", __FILE__, __LINE__);
#endif
}

std::uint64_t peak_memory(const c10::Device& device) {
  if (device.is_cpu()) return proc_bytes("/proc/self/status", "VmHWM:");
#ifdef UNPACT_HAS_CUDA
  return static_cast<std::uint64_t>(cuda_statistics(device).allocated_bytes[kAllPools].peak);
#else
  throw ContractViolation("precondition", "a device of this build", __FILE__, __LINE__);
#endif
}

void give_memory_back(const c10::Device& device) {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
#ifdef UNPACT_HAS_CUDA
  if (device.is_cuda() && c10::cuda::CUDACachingAllocator::get()->initialized())
    c10::cuda::CUDACachingAllocator::emptyCache();
#else
  static_cast<void>(device);
#endif
}

void reset_peak_memory(const c10::Device& device) {
  if (device.is_cpu()) {
    give_memory_back(device);
    std::ofstream("/proc/self/clear_refs") << 5;  // proc(5): resets the peak resident set size
    return;
  }
#ifdef UNPACT_HAS_CUDA
  c10::cuda::CUDACachingAllocator::resetPeakStats(device.has_index() ? device.index() : static_cast<c10::DeviceIndex>(0));
#endif
}

}  // namespace unpact
