#pragma once
/// Loops over one row of numbers of a softmax: those of attention and of the log-softmax.
#include <cstdint>
#include <limits>

namespace unpact::kernels::cpu {

/// Where a largest number begins. Not -infinity: an infinite score must give NaN, as ATen's does.
inline constexpr float kLowest = std::numeric_limits<float>::lowest();

/// The largest of `start` and the numbers.
float largest(const float* x, std::int64_t count, float start);

/// sum exp(scale * (x - shift)), each term stored in `out` when there is one; it may be x.
float exponential_sum(const float* x, float* out, std::int64_t count, float shift, float scale);

void multiply(float* x, std::int64_t count, float factor);

}  // namespace unpact::kernels::cpu
