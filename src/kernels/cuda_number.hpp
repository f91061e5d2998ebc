#pragma once
/// The CUDA kernels' number types. Their headers hold plain pointers, so that nvcc sees none of LibTorch. Arithmetic is in
/// float32, rounded once.
#include <cuda_runtime_api.h>

#include <cstdint>

namespace unpact::kernels::cuda {

enum class Number { float32, bfloat16, float16 };

}  // namespace unpact::kernels::cuda
