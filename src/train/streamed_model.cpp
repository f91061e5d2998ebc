#include "unpact/train/streamed_model.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "unpact/model/model_units.hpp"
#include "unpact/core/error.hpp"

namespace unpact {

StreamedModel::StreamedModel(Transformer& model, const c10::Device& device, c10::ScalarType dtype)
    : model_(model), device_(device), dtype_(dtype), units_(unit_count(model.config())) {
  const auto& config = model.config();
  head_VD_ = on_device(model.weights().head_VD);
  for (const auto& spec : weight_specs(config, model.weights()))
    units_[unit_index(config, spec.name)].push_back({spec.slot, *spec.slot});
  for (const auto& unit : units_) drop(unit);
  model.weights().head_VD = head_VD_;
  model.set_runner(this);
}

StreamedModel::~StreamedModel() {
  model_.set_runner(nullptr);
  for (const auto& unit : units_)
    for (const auto& weight : unit) *weight.slot = weight.stored;
  if (model_.config().tied_embeddings) model_.weights().head_VD = model_.weights().embedding_VD;
}

at::Tensor StreamedModel::on_device(const at::Tensor& stored) const {
  return stored.detach().to(device_, dtype_).contiguous();
}

/// The embedding says where the model is and in what dtype, even when it is not there.
void StreamedModel::drop(const std::vector<Weight>& unit) {
  auto& weights = model_.weights();
  for (const auto& weight : unit) *weight.slot = at::Tensor();
  weights.head_VD = head_VD_;
  if (model_.config().tied_embeddings) weights.embedding_VD = head_VD_;
  else if (!weights.embedding_VD.defined()) weights.embedding_VD = at::empty({0, head_VD_.size(1)}, head_VD_.options());
}

at::Tensor StreamedModel::run(std::int64_t part, std::int64_t, const at::Tensor& input, const Compute& compute) {
  const c10::NoGradGuard guard;
  const auto& unit = units_[unit_of_part(model_.config(), part)];
  auto& weights = model_.weights();
  const auto* head = model_.config().tied_embeddings ? &weights.embedding_VD : &weights.head_VD;
  for (const auto& weight : unit) *weight.slot = weight.slot == head ? head_VD_ : on_device(weight.stored);
  auto output = compute(input);
  drop(unit);
  return output;
}

}  // namespace unpact
