#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>

#include <memory>
#include <utility>

#include "forms.hpp"
#include "unpact/kernels/matrix_product.hpp"
#include "unpact/kernels/soft_cap.hpp"

namespace unpact::kernels {
namespace {

struct Saved {
  at::Tensor hidden_RD, head_VD, targets_R, normalizers_R;
  at::Tensor logits_RV;  // undefined: to be computed again
  std::int64_t chunk = 0;
  double cap = 0;
};

/// Capped logits of some rows.
at::Tensor logits_of(const at::Tensor& hidden_CD, const at::Tensor& head_VD, double cap) {
  auto logits_CV = multiply_rows(hidden_CD, head_VD.t());
  soft_cap_in_place(logits_CV, cap);
  return logits_CV;
}

class LogProbabilityNode final : public torch::autograd::Node {
 public:
  explicit LogProbabilityNode(Saved saved) : saved_(std::move(saved)) {}

  torch::autograd::variable_list apply(torch::autograd::variable_list&& gradients) override {
    auto& s = saved_;
    const auto rows = s.hidden_RD.size(0);
    if (!gradients[0].defined() || rows == 0) return {at::zeros_like(s.hidden_RD), {}};
    const bool wants_head = task_should_compute_output(1);
    auto hidden_gradient_RD = at::empty_like(s.hidden_RD);
    // The gradient of a leaf that collects in place needs no tensor of its own.
    auto& collected = s.head_VD.mutable_grad();
    const bool in_place = wants_head && s.head_VD.is_leaf() && collected.defined() && collected.scalar_type() == at::kFloat;
    auto head_gradient_VD = in_place     ? collected
                            : wants_head ? at::zeros_like(s.head_VD, s.head_VD.options().dtype(at::kFloat))
                                         : at::Tensor();
    for_row_chunks(rows, s.chunk, [&](std::int64_t begin, std::int64_t count) {
      const auto hidden_CD = s.hidden_RD.narrow(0, begin, count);
      auto slope_CV = s.logits_RV.defined() ? s.logits_RV.narrow(0, begin, count) : logits_of(hidden_CD, s.head_VD, s.cap);
      const auto capped_CV = s.cap == 0 ? at::Tensor() : slope_CV.clone();
      log_softmax_gradient(slope_CV, s.normalizers_R.narrow(0, begin, count), s.targets_R.narrow(0, begin, count),
                           gradients[0].narrow(0, begin, count));
      soft_cap_backward(slope_CV, capped_CV, s.cap);
      multiply_rows(hidden_gradient_RD.narrow(0, begin, count), slope_CV, s.head_VD);
      if (!wants_head) return;
      if (s.head_VD.scalar_type() == at::kFloat) add_outer_products(head_gradient_VD, slope_CV, hidden_CD);
      else head_gradient_VD.add_(at::mm(slope_CV.t(), hidden_CD));
    });
    release_variables();
    if (in_place || !wants_head) return {hidden_gradient_RD, {}};
    return {hidden_gradient_RD, head_gradient_VD.to(hidden_gradient_RD.scalar_type())};
  }

  void release_variables() override { saved_ = {}; }
  std::string name() const override { return "LogProbabilityNode"; }

 private:
  Saved saved_;
};

}  // namespace

std::int64_t logit_bytes_on(const c10::Device& device) { return std::int64_t{device.is_cuda() ? 1024 : 128} << 20; }

at::Tensor chunked_log_probabilities(const at::Tensor& hidden_RD, const at::Tensor& head_VD, const at::Tensor& targets_R,
                                     std::int64_t logit_bytes, double cap) {
  const bool differentiable = c10::GradMode::is_enabled() && (hidden_RD.requires_grad() || head_VD.requires_grad());
  const auto rows = hidden_RD.size(0);
  if (logit_bytes == 0) logit_bytes = logit_bytes_on(hidden_RD.device());
  Saved saved{hidden_RD.detach(), head_VD, targets_R, {}, {}, rows_of_logits(logit_bytes, head_VD.size(0)), cap};
  const auto options = hidden_RD.options().dtype(at::kFloat);
  auto log_p_R = at::empty({rows}, options);
  {
    const c10::NoGradGuard guard;
    saved.normalizers_R = at::empty({rows}, options);
    for_row_chunks(rows, saved.chunk, [&](std::int64_t begin, std::int64_t count) {
      const auto logits_CV = logits_of(saved.hidden_RD.narrow(0, begin, count), head_VD, cap);
      const auto normalizers_C = log_normalizers(logits_CV);
      const auto chosen_C = logits_CV.gather(1, targets_R.narrow(0, begin, count).unsqueeze(1)).squeeze(1);
      log_p_R.narrow(0, begin, count).copy_(chosen_C - normalizers_C);
      saved.normalizers_R.narrow(0, begin, count).copy_(normalizers_C);
      if (differentiable && count == rows) saved.logits_RV = logits_CV;
    });
  }
  if (!differentiable) return log_p_R;
  auto edges = torch::autograd::collect_next_edges(hidden_RD, head_VD);
  const std::shared_ptr<LogProbabilityNode> node(new LogProbabilityNode(std::move(saved)), torch::autograd::deleteNode);
  node->set_next_edges(std::move(edges));
  torch::autograd::set_history(log_p_R, node);
  return log_p_R;
}

}  // namespace unpact::kernels
