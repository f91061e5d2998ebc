#include "unpact/train/training_result.hpp"

#include "unpact/core/error.hpp"
#include "unpact/model/model_units.hpp"

namespace unpact {

void ResultOptions::hand_over(const ModelConfig& config, Weights& weights, std::size_t unit) const {
  if (!take_unit) return;
  UNPACT_EXPECT(keeper < 0);
  take_unit(weights, unit);
  for (const auto& spec : weight_specs(config, weights))
    if (unit_index(config, spec.name) == unit) *spec.slot = at::Tensor();
  if (config.tied_embeddings && unit == 0) weights.head_VD = at::Tensor();
}

}  // namespace unpact
