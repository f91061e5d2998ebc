#pragma once
#include <cstdint>

#include "../form.hpp"
#include "unpact/kernels/rotary.hpp"

namespace unpact::kernels {

Form rotary_form(const at::Tensor& x, const at::Tensor& cosine);

namespace reference {
/// Angles broadcast against x (..., d).
at::Tensor rotate(const at::Tensor& x, const at::Tensor& cosine, const at::Tensor& sine);
}  // namespace reference

namespace cpu {
/// Rotates every head of every row in place: a' = a cos - b sin, b' = b cos + a sin. Row r uses the angles of index_R[r], or of
/// r mod `positions` where that is null. @param sign -1: back.
void rotate(float* x_RHd, const float* cosine_Pd, const float* sine_Pd, const std::int64_t* index_R, std::int64_t rows,
            std::int64_t positions, std::int64_t heads, std::int64_t head_dim, float sign);
}  // namespace cpu

namespace cuda {
/// The same; an undefined index is none. @param cosine_Pd, sine_Pd float32, contiguous.
void rotate(const at::Tensor& x_RHd, const at::Tensor& cosine_Pd, const at::Tensor& sine_Pd, const at::Tensor& index_R,
            float sign);
}  // namespace cuda

namespace node {
/// In place, on the CPU or CUDA, with a node where gradients are recorded: `x_BSHd` must not be used again, nor be needed by
/// another node. @param cosine_Sd, sine_Sd float32, contiguous.
at::Tensor rotate(const at::Tensor& x_BSHd, const at::Tensor& cosine_Sd, const at::Tensor& sine_Sd);
}  // namespace node

}  // namespace unpact::kernels
