#pragma once
/// What the operations' nodes of autograd's graph have in common. They keep little for the backward pass, and gradients of
/// weights that collect them already (leaves with a float32 gradient) are added in place. Gradients of gradients do not exist.
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>

#include <memory>
#include <utility>
#include <vector>

namespace unpact::kernels::node {

inline const float* data(const at::Tensor& x) { return x.const_data_ptr<float>(); }
inline float* writable(const at::Tensor& x) { return x.mutable_data_ptr<float>(); }

inline at::Tensor as_rows(const at::Tensor& x) { return x.reshape({-1, x.size(-1)}); }

/// A node with what its backward pass needs. Autograd calls release_variables() after the backward pass.
class OperationNode : public torch::autograd::Node {
 public:
  explicit OperationNode(std::vector<at::Tensor> saved) : saved_(std::move(saved)) {}
  void release_variables() override { saved_.clear(); }

 protected:
  const at::Tensor& saved(std::size_t index) const { return saved_[index]; }
  std::size_t saved_count() const { return saved_.size(); }

 private:
  std::vector<at::Tensor> saved_;
};

/// Makes `outputs` those of a node of type N when one of `inputs` wants a gradient; `inputs` are the node's edges in order.
template <typename N, typename... Arguments>
void record(const torch::autograd::variable_list& inputs, const torch::autograd::variable_list& outputs,
            Arguments&&... arguments) {
  if (!c10::GradMode::is_enabled()) return;
  bool wanted = false;
  for (const auto& input : inputs) wanted = wanted || (input.defined() && input.requires_grad());
  if (!wanted) return;
  const std::shared_ptr<N> node(new N(std::forward<Arguments>(arguments)...), torch::autograd::deleteNode);
  node->set_next_edges(torch::autograd::collect_next_edges(inputs));
  for (const auto& output : outputs) torch::autograd::set_history(output, node);
}

/// Whether gradients of this weight may be added where they are collected, without a tensor of their own.
inline bool collects(const at::Tensor& weight) {
  if (!weight.is_leaf() || !weight.grad().defined()) return false;
  return weight.grad().scalar_type() == at::kFloat && weight.grad().is_contiguous();
}

/// Adds a small gradient where the weight collects it, and returns nothing; otherwise returns it.
inline at::Tensor collected(const at::Tensor& weight, at::Tensor gradient) {
  if (!collects(weight)) return gradient;
  weight.mutable_grad().add_(gradient);
  return {};
}

}  // namespace unpact::kernels::node
