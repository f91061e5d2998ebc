#include "unpact/checkpoint/mapped_weights.hpp"

#include <ATen/ATen.h>

#include "checkpoint_fit.hpp"
#include "unpact/checkpoint/checkpoint_reader.hpp"

namespace unpact {

Weights map_weights(const ModelConfig& config, const std::filesystem::path& folder, const CheckpointReader& reader) {
  Weights weights;
  for (const auto& stored : fitting_tensors(config, folder, reader, weights)) {
    const auto whole = reader.file_of(stored.name).tensor(stored.name);
    if (stored.is_slice()) {
      auto& slot = *stored.parts.front().slot;
      if (!slot.defined()) slot = at::empty(stored.parts.front().shape, whole.options());
      auto place = slot.narrow(stored.axis, stored.first, stored.count);
      place.copy_(whole.view(place.sizes()));
      continue;
    }
    for (std::size_t i = 0; i < stored.parts.size(); ++i) *stored.parts[i].slot = part_of(stored, whole, i);
  }
  if (config.tied_embeddings) weights.head_VD = weights.embedding_VD;
  return weights;
}

Weights map_weights(const ModelConfig& config, const std::filesystem::path& folder) {
  return map_weights(config, folder, CheckpointReader(folder));
}

}  // namespace unpact
