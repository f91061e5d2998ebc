#pragma once
/// A frozen model whose weights stay where they are - in mapped files, say - and come to the device unit by unit, when a
/// forward pass needs them. Each rank does so for itself: nothing is communicated.
#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <cstdint>
#include <vector>

#include "unpact/model/transformer.hpp"

namespace unpact {

class StreamedModel final : public PartRunner {
 public:
  /// Becomes the runner of `model`, which must outlive it. Between two parts the model has no weights but the output head,
  /// which stays on the device: losses use it themselves.
  StreamedModel(Transformer& model, const c10::Device& device, c10::ScalarType dtype);
  /// The model has its weights as they were.
  ~StreamedModel() override;
  StreamedModel(const StreamedModel&) = delete;
  StreamedModel& operator=(const StreamedModel&) = delete;

  /// Without gradients.
  at::Tensor run(std::int64_t part, std::int64_t last, const at::Tensor& input, const Compute& compute) override;

 private:
  struct Weight {
    at::Tensor* slot;
    at::Tensor stored;
  };
  at::Tensor on_device(const at::Tensor& stored) const;
  void drop(const std::vector<Weight>& unit);

  Transformer& model_;
  c10::Device device_;
  c10::ScalarType dtype_;
  at::Tensor head_VD_;
  std::vector<std::vector<Weight>> units_;
};

}  // namespace unpact
