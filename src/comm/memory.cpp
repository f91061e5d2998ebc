#include "unpact/comm/memory.hpp"

#include <c10/core/Device.h>

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

#ifdef UNPACT_HAS_CUDA
c10::CachingDeviceAllocator::DeviceStats cuda_statistics(const c10::Device& device) {
  return c10::cuda::CUDACachingAllocator::getDeviceStats(device.has_index() ? device.index()
                                                                            : static_cast<c10::DeviceIndex>(0));
}
constexpr std::size_t kAllPools = 0;  // of StatType: the sum over small and large blocks
#endif

}  // namespace

std::uint64_t available_memory(const c10::Device& device) {
  if (device.is_cpu()) {
    const auto bytes = proc_bytes("/proc/meminfo", "MemAvailable:");
    if (bytes == 0) throw RuntimeFailure("the free memory is unknown", "/proc/meminfo has no MemAvailable", "mount /proc");
    return bytes;
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
