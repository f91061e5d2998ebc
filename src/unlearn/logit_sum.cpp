#include "logit_sum.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include "unpact/kernels/log_softmax.hpp"
#include "unpact/kernels/matrix_product.hpp"
#include "unpact/kernels/soft_cap.hpp"
#include "unpact/model/operation_count.hpp"

namespace unpact {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

/// The loss of one chunk of logits, and its gradient by them where it is wanted.
std::pair<at::Tensor, at::Tensor> evaluate_chunk(const RowLoss& loss, at::Tensor logits_CV, std::int64_t first,
                                                 bool wants_gradient) {
  const c10::AutoGradMode mode(wants_gradient);
  logits_CV = logits_CV.detach().requires_grad_(wants_gradient);
  const auto value = loss(logits_CV, first);
  if (!wants_gradient) return {value.detach(), {}};
  return {value.detach(), torch::autograd::grad({value}, {logits_CV}).front()};
}

class ChunkedSum : public torch::autograd::Function<ChunkedSum> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& hidden_RD, const at::Tensor& head_VD,
                            const RowLoss& loss, std::int64_t chunk_rows) {
    const bool to_hidden = hidden_RD.requires_grad(), to_head = head_VD.requires_grad();
    const auto hidden = hidden_RD.detach(), head = head_VD.detach();
    auto total = at::zeros({}, hidden.options().dtype(at::kFloat));
    at::Tensor hidden_gradient, head_gradient;
    if (to_hidden) hidden_gradient = at::empty_like(hidden);
    if (to_head) head_gradient = at::zeros_like(head, at::TensorOptions().dtype(at::kFloat));
    kernels::for_row_chunks(hidden.size(0), chunk_rows, [&](std::int64_t first, std::int64_t count) {
      const auto rows_CD = hidden.narrow(0, first, count);
      const auto [value, gradient] =
          evaluate_chunk(loss, Transformer::logits_with(rows_CD, head), first, to_hidden || to_head);
      total += value;
      if (!gradient.defined()) return;
      count_head_gradients(rows_CD.size(0), head, to_hidden, to_head);
      const auto gradient_CV = gradient.to(head.scalar_type());
      if (to_hidden) kernels::multiply_rows(hidden_gradient.narrow(0, first, rows_CD.size(0)), gradient_CV, head);
      if (to_head) add_outer(head_gradient, gradient_CV, rows_CD);
    });
    context->saved_data["hidden"] = hidden_gradient;
    context->saved_data["head"] = head_gradient;
    return total;
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& outer) {
    const auto scaled = [&](const char* name) {
      const auto gradient = context->saved_data[name].toTensor();
      return gradient.defined() ? gradient * outer.front().to(gradient.scalar_type()) : gradient;
    };
    return {scaled("hidden"), scaled("head"), at::Tensor(), at::Tensor()};
  }

 private:
  static void add_outer(at::Tensor& head_gradient_VD, const at::Tensor& gradient_CV, const at::Tensor& rows_CD) {
    if (rows_CD.scalar_type() == at::kFloat) kernels::add_outer_products(head_gradient_VD, gradient_CV, rows_CD);
    else head_gradient_VD.add_(at::matmul(gradient_CV.t(), rows_CD));
  }
};

}  // namespace

at::Tensor sum_over_logits(const Transformer& model, const at::Tensor& hidden_RD, const RowLoss& loss,
                           std::int64_t chunk_rows) {
  const auto& head_VD = model.weights().head_VD;
  if (chunk_rows <= 0) chunk_rows = kernels::rows_of_logits(4 * kLogitElements, head_VD.size(0));
  const RowLoss of_capped = [&loss, cap = model.config().block.logit_cap](const at::Tensor& logits_CV, std::int64_t first) {
    return loss(kernels::soft_capped(logits_CV, cap), first);
  };
  return ChunkedSum::apply(hidden_RD, head_VD, of_capped, chunk_rows);
}

at::Tensor sum_over_logits_at_once(const Transformer& model, const at::Tensor& hidden_RD, const RowLoss& loss) {
  return loss(model.logits(hidden_RD), 0);
}

}  // namespace unpact
