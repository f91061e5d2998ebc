#include "unpact/train/parameters.hpp"

#include <ATen/ATen.h>

#include "unpact/core/error.hpp"

namespace unpact {

ParameterBuffer::ParameterBuffer(Transformer& model, const std::function<bool(const std::string&)>& selected)
    : model_(model) {
  auto& weights = model.weights();
  std::vector<WeightSpec> chosen;
  std::int64_t total = 0;
  for (auto& spec : weight_specs(model.config(), weights)) {
    if (!selected(spec.name)) continue;
    slices_.push_back({spec.name, total, spec.slot->numel()});
    total += spec.slot->numel();
    chosen.push_back(spec);
  }
  UNPACT_VALIDATE(total > 0, "no weight is trained", "the selection by name matches none of the model's weights",
                  "check the names of the trained weights and the model's number of layers");
  const auto options = at::TensorOptions().dtype(at::kFloat).device(model.device());
  values_ = at::empty({total}, options);
  gradients_ = at::zeros({total}, options);
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    const auto& slice = slices_[i];
    auto view = values_.narrow(0, slice.begin, slice.size).view(chosen[i].shape);
    view.copy_(*chosen[i].slot);
    view = view.detach().requires_grad_();
    view.mutable_grad() = gradients_.narrow(0, slice.begin, slice.size).view(chosen[i].shape);
    *chosen[i].slot = view;
  }
  if (model.config().tied_embeddings) weights.head_VD = weights.embedding_VD;
}

ParameterBuffer::~ParameterBuffer() {
  auto& weights = model_.weights();
  for (auto& spec : weight_specs(model_.config(), weights)) {
    if (!spec.slot->defined()) continue;
    *spec.slot = spec.slot->detach();
    spec.slot->mutable_grad() = at::Tensor();
  }
  if (model_.config().tied_embeddings) weights.head_VD = weights.embedding_VD;
}

void ParameterBuffer::zero_gradients() { gradients_.zero_(); }

std::string ParameterBuffer::first_non_finite_gradient() const {
  for (const auto& slice : slices_)
    if (!at::isfinite(gradients_.narrow(0, slice.begin, slice.size)).all().item<bool>()) return slice.name;
  return {};
}

}  // namespace unpact
