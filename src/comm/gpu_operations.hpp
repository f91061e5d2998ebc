#pragma once
/// LibTorch's operations on GPUs, loaded by the processes that can use them.
#include <string>

namespace unpact {

/// Loads LibTorch's CUDA library where an NVIDIA driver is installed: elsewhere it would be a third of what a start costs. LibTorch keeps
/// its first answer to whether it has operations on GPUs, so this comes before anything else asks it. Once a process; does not throw.
void load_gpu_operations();

/// Why operations on GPUs are not there; empty when they are.
std::string missing_gpu_operations();

}  // namespace unpact
