#pragma once
/// One part of the model as a node of autograd's graph, whose inside is a graph of its own: it can be dropped after the
/// forward pass and made again in the backward pass.
#include <ATen/core/Tensor.h>

#include <functional>

#include "unpact/model/transformer.hpp"

namespace unpact {

/// What a part keeps between its two passes.
struct PartPass {
  std::int64_t part = 0;
  PartRunner::Compute compute;
  at::Tensor input;   ///< detached; collects the gradient when the outer input wanted one
  at::Tensor output;  ///< undefined: to be computed again

  /// Runs the part with a graph.
  void recompute();
  /// Runs the inner backward pass: gradients of the weights are accumulated. @return that of the input, or undefined.
  at::Tensor differentiate(const at::Tensor& output_gradient);
};

/// compute(input) as a node of the graph. In the backward pass `backward(pass, gradient of the output)` must return the
/// gradient of the input. @param keep_graph false: only the input is kept.
at::Tensor run_as_node(std::int64_t part, const at::Tensor& input, const PartRunner::Compute& compute, bool keep_graph,
                       std::function<at::Tensor(PartPass&, const at::Tensor&)> backward);

}  // namespace unpact
