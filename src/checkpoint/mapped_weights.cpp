#include "unpact/checkpoint/mapped_weights.hpp"

#include <ATen/ATen.h>

#include "checkpoint_fit.hpp"
#include "unpact/checkpoint/checkpoint_reader.hpp"

namespace unpact {

Weights map_weights(const ModelConfig& config, const std::filesystem::path& folder, std::string* checksum) {
  const CheckpointReader reader(folder);
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
  if (checksum != nullptr) *checksum = reader.checksum();
  return weights;
}

}  // namespace unpact
