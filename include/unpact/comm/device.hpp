#pragma once
/// Which device a rank computes on.
#include <string>

#include "unpact/comm/communicator.hpp"

namespace c10 { struct Device; }

namespace unpact {

/// @param wanted "auto" (CUDA when this build and this machine have it, else the CPU), "cpu" or "cuda".
/// On CUDA the device is the node-local rank (or the only visible one), and two ranks on one GPU are refused with a
/// table before NCCL starts. Collective over `world`. @throws UserError.
c10::Device choose_device(const Communicator& world, const std::string& wanted);

/// "cpu (AMD EPYC ..., 2 threads)" or "cuda:0 (NVIDIA H200, 140 GiB)": what the results file says of this rank.
std::string describe_device(const c10::Device& device);

}  // namespace unpact
