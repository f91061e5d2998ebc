#pragma once
/// The trained weights and their gradients as one flat buffer each, so that reductions and the optimizer work on single
/// long vectors (and, later, on slices of them).
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "unpact/model/transformer.hpp"

namespace unpact {

class ParameterBuffer {
 public:
  /// Moves the weights whose Hugging Face name is `selected` into a flat buffer: the model's tensors become views of
  /// it that collect gradients. The other weights stay frozen. @throws UserError when nothing is selected.
  ParameterBuffer(Transformer& model, const std::function<bool(const std::string&)>& selected);
  /// Detaches the model's weights from autograd; their values stay.
  ~ParameterBuffer();
  ParameterBuffer(const ParameterBuffer&) = delete;
  ParameterBuffer& operator=(const ParameterBuffer&) = delete;

  at::Tensor& values() { return values_; }        ///< (P), float32
  at::Tensor& gradients() { return gradients_; }  ///< (P), float32
  void zero_gradients();
  /// The name of the first parameter whose gradient is not finite, or an empty string.
  std::string first_non_finite_gradient() const;

 private:
  struct Slice {
    std::string name;
    std::int64_t begin, size;
  };
  Transformer& model_;
  at::Tensor values_, gradients_;
  std::vector<Slice> slices_;
};

}  // namespace unpact
