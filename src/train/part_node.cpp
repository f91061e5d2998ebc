#include "part_node.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>

#include <optional>
#include <utility>

#include "unpact/core/operation_tally.hpp"

namespace unpact {
namespace {

class PartNode final : public torch::autograd::Node {
 public:
  PartNode(PartPass pass, std::function<at::Tensor(PartPass&, const at::Tensor&)> backward, const at::Tensor& output)
      : pass_(std::move(pass)), backward_(std::move(backward)), shape_(output.sizes().vec()), options_(output.options()) {}

  torch::autograd::variable_list apply(torch::autograd::variable_list&& gradients) override {
    const auto given = gradients[0].defined() ? gradients[0] : at::zeros(shape_, options_);
    const auto input_gradient = backward_(pass_, given);
    release_variables();
    if (num_outputs() == 0) return {};
    return {input_gradient};
  }

  void release_variables() override {
    pass_.input = pass_.output = at::Tensor();
    pass_.compute = nullptr;
  }

  std::string name() const override { return "PartNode"; }

 private:
  PartPass pass_;
  std::function<at::Tensor(PartPass&, const at::Tensor&)> backward_;
  std::vector<std::int64_t> shape_;
  at::TensorOptions options_;
};

}  // namespace

void PartPass::recompute() {
  const c10::AutoGradMode guard(true);
  output = compute(input);
}

at::Tensor PartPass::differentiate(const at::Tensor& output_gradient) {
  torch::autograd::backward({std::exchange(output, at::Tensor())}, {output_gradient});
  return std::exchange(input.mutable_grad(), at::Tensor());
}

at::Tensor run_as_node(std::int64_t part, const at::Tensor& input, const PartRunner::Compute& compute, bool keep_graph,
                       std::function<at::Tensor(PartPass&, const at::Tensor&)> backward) {
  PartPass pass{part, compute, input.detach(), {}};
  if (input.requires_grad()) pass.input.set_requires_grad(true);
  // With a graph also where it is dropped: without one PyTorch may choose other kernels, and then a run with
  // recomputation would not give the bits of one without.
  {
    std::optional<DroppedGraph> dropped;
    if (!keep_graph) dropped.emplace();
    pass.recompute();
  }
  auto result = pass.output.detach();
  if (!keep_graph) pass.output = at::Tensor();
  const std::shared_ptr<PartNode> node(new PartNode(std::move(pass), std::move(backward), result),
                                       torch::autograd::deleteNode);
  if (input.requires_grad()) node->set_next_edges(torch::autograd::collect_next_edges(input));
  torch::autograd::set_history(result, node);
  return result;
}

}  // namespace unpact
