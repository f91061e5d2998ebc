#include "gpu_operations.hpp"

#include <dlfcn.h>

namespace unpact {
namespace {

#ifdef UNPACT_HAS_CUDA
std::string problem = "they were not loaded";
#else
std::string problem = "this build has no CUDA support";
#endif

}  // namespace

void load_gpu_operations() {
#ifdef UNPACT_HAS_CUDA
  if (dlopen("libcuda.so.1", RTLD_LAZY) == nullptr) {
    problem = "no NVIDIA driver is installed (libcuda.so.1)";
    return;
  }
  const bool loaded = dlopen("libtorch_cuda.so", RTLD_LAZY | RTLD_GLOBAL) != nullptr;
  problem = loaded ? "" : dlerror();
#endif
}

std::string missing_gpu_operations() { return problem; }

}  // namespace unpact
