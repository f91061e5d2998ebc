#include "shared_reinforced.hpp"

#include <ATen/ATen.h>

#include <map>
#include <string>

#include "unpact/core/error.hpp"
#include "unpact/model/model_units.hpp"
#include "unpact/unlearn/method.hpp"

namespace unpact {

bool shares_reinforced(const MethodOptions& method) {
  return method.forget == "tv" && method.reinforced == Reinforced::shared;
}

LastStep reinforced_once(const Session& session, const Communicator& group, const Baseline& baseline, const Configuration& c,
                         const std::filesystem::path& folder, Claims* claims) {
  auto own = c;
  own.method.scale = -1;  // target + 1 (reinforced - target)
  own.method.name = "reinforced";
  return train_once(session, group, baseline, own, baseline.target, folder, claims);
}

Weights subtract_reinforced(const Transformer& target, const Transformer& reinforced, double scale,
                            const c10::Device& device, c10::ScalarType dtype, WeightPieces* pieces) {
  const auto& config = target.config();
  std::map<std::string, at::Tensor> base;
  for (const auto& [name, weight] : named_tensors(target.weights())) base[name] = weight;
  auto weights = reinforced.weights();
  const auto units = unit_count(config);
  for (std::size_t unit = 0; unit < units; ++unit) {
    std::map<at::Tensor*, at::Tensor> mapped;
    for (auto& spec : weight_specs(config, weights)) {
      if (unit_index(config, spec.name) != unit) continue;
      mapped[spec.slot] = *spec.slot;
      *spec.slot = subtract_task_vector(spec.slot->to(device, at::kFloat), base.at(spec.name), scale).to(dtype);
    }
    if (pieces == nullptr) continue;
    pieces->take(weights, unit);
    for (auto& [slot, view] : mapped) *slot = view;  // one unit at a time lies in memory
  }
  if (pieces != nullptr) return {};
  if (config.tied_embeddings) weights.head_VD = weights.embedding_VD;
  return weights;
}

}  // namespace unpact
