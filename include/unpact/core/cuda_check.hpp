#pragma once
/// The one checked wrapper of CUDA runtime calls.
#include <cuda_runtime_api.h>

#include <string_view>

#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"

namespace unpact {

/// Throws RuntimeFailure when a CUDA call did not succeed.
inline void check_cuda(cudaError_t code, const char* call, std::string_view file, int line) {
  if (code == cudaSuccess) [[likely]]
    return;
  const auto name = file.substr(file.find_last_of('/') + 1);
  throw RuntimeFailure(concat("a CUDA call failed on rank ", log::rank(), ": ", call),
                       concat(cudaGetErrorString(code), " (at ", name, ":", line, ")"),
                       "look for an earlier error of this rank, and check the GPU and its driver with nvidia-smi");
}
#define UNPACT_CUDA_CALL(call) ::unpact::check_cuda(call, #call, __FILE__, __LINE__)

}  // namespace unpact
