#pragma once
/// Which device a rank computes on.
#include <string>
#include <vector>

#include "unpact/comm/communicator.hpp"
#include "unpact/core/enumeration.hpp"

namespace c10 {
struct Device;
}

namespace unpact {

/// automatic: CUDA when this build and this machine have it, else the CPU.
enum class DeviceChoice { automatic, cpu, cuda };
UNPACT_ENUMERATION(DeviceChoice, "auto", "cpu", "cuda");

/// On CUDA the device is the node-local rank (or the only visible one), and two ranks on one GPU are refused with a
/// table before NCCL starts. The chosen GPU becomes the current one. Collective over `world`, and an error is thrown
/// on every rank alike. @throws UserError.
c10::Device choose_device(const Communicator& world, DeviceChoice wanted);

/// "cpu (AMD EPYC ..., 2 threads)" or "cuda:0 (NVIDIA H200, 140 GiB)": what the results file says of this rank.
std::string describe_device(const c10::Device& device);

/// "PCI 00000000:65:00.0, driver 535.104.05, CUDA 12.2" of a GPU; empty for the CPU.
std::string describe_driver(const c10::Device& device);

/// Major number of a GPU's compute capability; 0 for the CPU.
int compute_capability(const c10::Device& device);

/// From this one on GPUs multiply in bf16 and in TF32 (Ampere).
inline constexpr int kCapabilityOfBf16 = 8;

/// Where one rank stands in the machine.
struct DevicePlacement {
  std::string node;    ///< equal on ranks of one operating system instance, whatever it is called
  std::string host;    ///< the name to show
  int local_rank = 0;  ///< among the ranks of this node
  int visible = 0;     ///< GPUs that the rank sees
  std::string bus_id;  ///< PCI bus id of its GPU, empty when there is none for it
};

/// Why these ranks (in rank order) cannot have a GPU each, as a table to print; empty when they can.
std::string placement_problem(const std::vector<DevicePlacement>& ranks);

}  // namespace unpact
