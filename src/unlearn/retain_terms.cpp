#include "unpact/unlearn/retain_terms.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

namespace unpact {

KlTerm::KlTerm(Examples examples, const Transformer& reference) : examples_(std::move(examples)), reference_(reference) {
  const c10::NoGradGuard guard;
  for (std::int64_t index = 0; index < example_count(); ++index) {
    const std::vector<std::int64_t> one = {index};
    reference_hidden_RD_.push_back(target_hidden(reference, make_batch(*examples_, one, reference.device())).to(at::kCPU));
  }
}

at::Tensor KlTerm::sum(const Transformer& model, ExampleIndices indices) const {
  std::vector<at::Tensor> hidden;
  for (const auto index : indices) hidden.push_back(reference_hidden_RD_[static_cast<std::size_t>(index)]);
  at::Tensor reference_log_p_RV;
  {
    const c10::NoGradGuard guard;
    reference_log_p_RV = reference_.logits(at::cat(hidden).to(reference_.device())).log_softmax(1);
  }
  const auto log_p_RV = model.logits(target_hidden(model, make_batch(*examples_, indices, model.device()))).log_softmax(1);
  return (reference_log_p_RV.exp() * (reference_log_p_RV - log_p_RV)).sum();
}

}  // namespace unpact
