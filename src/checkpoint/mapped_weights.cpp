#include "unpact/checkpoint/mapped_weights.hpp"

#include <ATen/ATen.h>

#include "checkpoint_fit.hpp"
#include "unpact/checkpoint/checkpoint_reader.hpp"

namespace unpact {

Weights map_weights(const ModelConfig& config, const std::filesystem::path& folder, const CheckpointReader& reader) {
  Weights weights;
  for (const auto& stored : fitting_tensors(config, folder, reader, weights)) {
    auto whole = reader.file_of(stored.name).tensor(stored.name);
    if (stored.transposed) whole = whole.t();
    std::int64_t begin = 0;
    for (const auto& part : stored.parts) {
      *part.slot = whole.narrow(0, begin, part.shape.front());
      begin += part.shape.front();
    }
  }
  if (config.tied_embeddings) weights.head_VD = weights.embedding_VD;
  return weights;
}

Weights map_weights(const ModelConfig& config, const std::filesystem::path& folder) {
  return map_weights(config, folder, CheckpointReader(folder));
}

}  // namespace unpact
