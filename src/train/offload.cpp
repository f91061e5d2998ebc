#include "offload.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>

#include "unpact/core/error.hpp"

namespace unpact {

void step_in_host_memory(AdamW& optimizer, const OffloadedVectors& vectors, double learning_rate, std::int64_t elements) {
  const c10::NoGradGuard guard;
  const auto size = vectors.values.numel();
  UNPACT_EXPECT(elements > 0 && elements % AdamW::kPieceMultiple == 0);
  UNPACT_EXPECT(vectors.values.is_cpu() && vectors.gradients.numel() == size && vectors.working.numel() == size);
  const auto buffer = at::empty({std::min(elements, size)},
                                at::TensorOptions().dtype(at::kFloat).pinned_memory(vectors.gradients.is_cuda()));
  optimizer.begin_step();
  for (std::int64_t begin = 0; begin < size; begin += elements) {
    const auto count = std::min(elements, size - begin);
    const auto gradients = buffer.narrow(0, 0, count), values = vectors.values.narrow(0, begin, count);
    gradients.copy_(vectors.gradients.narrow(0, begin, count));
    optimizer.step_piece(values, gradients, begin, learning_rate);
    vectors.working.narrow(0, begin, count).copy_(values);
  }
}

}  // namespace unpact
