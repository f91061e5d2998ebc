#include "unpact/inference/key_value_store.hpp"

#include <ATen/ATen.h>

#include "unpact/core/error.hpp"

namespace unpact {

KeyValueStore::KeyValueStore(const Transformer& model)
    : layers_(static_cast<std::size_t>(model.config().layers)),
      options_(model.weights().embedding_VD.options().requires_grad(false)), heads_(model.config().key_value_heads),
      head_dim_(model.config().head_dim) {}

void KeyValueStore::truncate(std::int64_t length) {
  UNPACT_EXPECT(length >= 0 && length <= length_);
  length_ = length;
}

void KeyValueStore::reserve(std::int64_t capacity) {
  if (capacity <= capacity_) return;
  for (auto& layer : layers_) {
    for (auto* tensor : {&layer.keys_CGd, &layer.values_CGd}) {
      auto larger = at::empty({capacity, heads_, head_dim_}, options_);
      if (length_ > 0) larger.narrow(0, 0, length_).copy_(tensor->narrow(0, 0, length_));
      *tensor = larger;
    }
  }
  capacity_ = capacity;
}

std::int64_t KeyValueStore::bytes() const {
  return 2 * static_cast<std::int64_t>(layers_.size()) * capacity_ * heads_ * head_dim_ *
         static_cast<std::int64_t>(options_.dtype().itemsize());
}

void KeyValueStore::write(std::int64_t layer, const at::Tensor& keys_nGd, const at::Tensor& values_nGd) {
  UNPACT_EXPECT(length_ + keys_nGd.size(0) <= capacity_);
  auto& kept = layers_[static_cast<std::size_t>(layer)];
  kept.keys_CGd.narrow(0, length_, keys_nGd.size(0)).copy_(keys_nGd);
  kept.values_CGd.narrow(0, length_, values_nGd.size(0)).copy_(values_nGd);
}

void KeyValueStore::advance(std::int64_t count) {
  UNPACT_EXPECT(count >= 0 && length_ + count <= capacity_);
  length_ += count;
}

}  // namespace unpact
