#include "unpact/comm/device.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <map>
#include <sstream>

#include "gpu_operations.hpp"
#include "unpact/comm/memory.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/text.hpp"

#ifdef UNPACT_HAS_CUDA
#include "unpact/core/cuda_check.hpp"
#endif

namespace unpact {
namespace {

struct VisibleGpus {
  int count = 0;
  std::string why_none;
};

VisibleGpus visible_gpus() {
#ifdef UNPACT_HAS_CUDA
  VisibleGpus gpus;
  const auto code = cudaGetDeviceCount(&gpus.count);
  if (code == cudaSuccess && gpus.count > 0) {
    const auto missing = missing_gpu_operations();
    UNPACT_VALIDATE(missing.empty(), "a GPU is visible, but LibTorch's CUDA library could not be loaded", missing,
                    "let LD_LIBRARY_PATH name the folder of LibTorch's libraries, or choose the CPU");
    return gpus;
  }
  cudaGetLastError();  // forget the error: no GPU is no fault
  return {0, code == cudaSuccess ? "no CUDA device is visible" : cudaGetErrorString(code)};
#else
  return {0, "this build has no CUDA support"};
#endif
}

std::string bus_id_of([[maybe_unused]] int index) {
#ifdef UNPACT_HAS_CUDA
  char text[32] = {};
  UNPACT_CUDA_CALL(cudaDeviceGetPCIBusId(text, sizeof text, index));
  return text;
#else
  return {};
#endif
}

std::string host_name() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "unknown";
}

/// Containers may share a host name or have one each; the boot id tells operating system instances apart.
std::string node_id() {
  std::string id;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> id;
  return id.empty() ? host_name() : id;
}

/// The GPU of this rank: the only visible one, or the one with the node-local rank's number; -1 without one.
int own_gpu(int local_rank, int visible) {
  if (visible == 1) return 0;
  return local_rank < visible ? local_rank : -1;
}

std::vector<DevicePlacement> gather_placements(const Communicator& world, const DevicePlacement& mine) {
  const auto lines = world.all_gather(
      concat(mine.node, '\n', mine.host, '\n', mine.local_rank, '\n', mine.visible, '\n', mine.bus_id, '\n'));
  std::vector<DevicePlacement> all;
  for (const auto& line : lines) {
    std::istringstream in(line);
    DevicePlacement place;
    std::string local_rank, visible;
    std::getline(in, place.node);
    std::getline(in, place.host);
    std::getline(in, local_rank);
    std::getline(in, visible);
    std::getline(in, place.bus_id);
    place.local_rank = std::stoi(local_rank);
    place.visible = std::stoi(visible);
    all.push_back(std::move(place));
  }
  return all;
}

c10::Device choose_gpu(const Communicator& world, const VisibleGpus& gpus) {
  DevicePlacement mine{node_id(), host_name(), world.split_by_node().rank(), gpus.count, {}};
  const int index = own_gpu(mine.local_rank, gpus.count);
  if (index >= 0) mine.bus_id = bus_id_of(index);
  const auto problem = placement_problem(gather_placements(world, mine));
  UNPACT_VALIDATE(problem.empty(), "the ranks cannot have a GPU each", problem,
                  "start one rank per GPU, let every rank of a node see the node's GPUs "
                  "(Slurm: --gpus-per-node with --gpu-bind=none), or choose the CPU");
#ifdef UNPACT_HAS_CUDA
  UNPACT_CUDA_CALL(cudaSetDevice(index));
#endif
  return {c10::kCUDA, static_cast<c10::DeviceIndex>(index)};
}

std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name")) return trim(line.substr(line.find(':') + 1));
  return "unknown model";  // e.g. on Arm, whose cpuinfo names none
}

}  // namespace

std::string placement_problem(const std::vector<DevicePlacement>& ranks) {
  std::map<std::pair<std::string, std::string>, int> first_rank_on;
  bool refused = false;
  std::string table = concat("rank  host  local rank  visible GPUs  GPU");
  for (std::size_t r = 0; r < ranks.size(); ++r) {
    const auto& place = ranks[r];
    std::string remark;
    if (place.bus_id.empty()) {
      remark = place.visible == 0 ? "none: no GPU is visible" : "none: fewer GPUs than ranks on this node";
    } else {
      const auto [entry, is_new] = first_rank_on.emplace(std::pair(place.node, place.bus_id), static_cast<int>(r));
      remark = is_new ? place.bus_id : concat(place.bus_id, " (taken by rank ", entry->second, ")");
      refused = refused || !is_new;
    }
    refused = refused || place.bus_id.empty();
    table += concat("\n    ", r, "  ", place.host, "  ", place.local_rank, "  ", place.visible, "  ", remark);
  }
  return refused ? table : std::string();
}

c10::Device choose_device(const Communicator& world, DeviceChoice wanted) {
  set_ranks_of_node(world.split_by_node().size());
  if (wanted == DeviceChoice::cpu) return c10::kCPU;
  const auto gpus = visible_gpus();
  if (world.max(static_cast<std::int64_t>(gpus.count)) > 0) return choose_gpu(world, gpus);
  UNPACT_VALIDATE(wanted == DeviceChoice::automatic, "CUDA was asked for, but there is no GPU to use", gpus.why_none,
                  "choose the device auto or cpu, or run where nvidia-smi lists a GPU");
  return c10::kCPU;
}

int compute_capability(const c10::Device& device) {
  if (device.is_cpu()) return 0;
  UNPACT_EXPECT(device.is_cuda());
  int major = 0;
#ifdef UNPACT_HAS_CUDA
  int index = device.index();
  if (index < 0) UNPACT_CUDA_CALL(cudaGetDevice(&index));
  UNPACT_CUDA_CALL(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, index));
#endif
  return major;
}

std::string describe_driver(const c10::Device& device) {
  if (device.is_cpu()) return "";
  std::string driver = "unknown";
  std::ifstream("/sys/module/nvidia/version") >> driver;
  int version = 0;
#ifdef UNPACT_HAS_CUDA
  UNPACT_CUDA_CALL(cudaDriverGetVersion(&version));
#endif
  return concat("PCI ", bus_id_of(device.index()), ", driver ", driver, ", CUDA ", version / 1000, ".", version % 1000 / 10);
}

std::string describe_device(const c10::Device& device) {
  if (device.is_cpu()) return concat("cpu (", cpu_model(), ", ", at::get_num_threads(), " threads)");
  UNPACT_EXPECT(device.is_cuda());
#ifdef UNPACT_HAS_CUDA
  int index = device.index();
  if (index < 0) UNPACT_CUDA_CALL(cudaGetDevice(&index));
  cudaDeviceProp properties{};
  UNPACT_CUDA_CALL(cudaGetDeviceProperties(&properties, index));
  const auto gib = std::lround(static_cast<double>(properties.totalGlobalMem) / (1 << 30));
  return concat("cuda:", index, " (", properties.name, ", ", gib, " GiB)");
#else
  throw UserError("CUDA was asked for, but there is no GPU to use", "this build has no CUDA support",
                  "build with UNPACT_CUDA=ON, or choose the CPU");
#endif
}

}  // namespace unpact
