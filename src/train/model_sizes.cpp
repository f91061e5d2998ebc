#include "model_sizes.hpp"

#include <algorithm>
#include <vector>

#include "unpact/checkpoint/adapters.hpp"
#include "unpact/model/model_units.hpp"
#include "unpact/checkpoint/weights.hpp"

namespace unpact {

ModelSizes sizes_of(const ModelConfig& config, const std::function<bool(const std::string&)>& selected) {
  Weights shape_only;
  ModelSizes sizes;
  std::vector<double> units(unit_count(config) + 1, 0), trained(units.size(), 0);
  for (const auto& spec : weight_specs(config, shape_only)) {
    double size = 1;
    for (const auto extent : spec.shape) size *= static_cast<double>(extent);
    sizes.all += size;
    const bool trains = !selected || selected(spec.name);
    if (trains) sizes.trained += size;
    if (trains) trained[unit_index(config, spec.name)] += size;
    units[unit_index(config, spec.name)] += size;
  }
  for (std::size_t block = 1; block <= static_cast<std::size_t>(config.layers); ++block) {
    sizes.block = std::max(sizes.block, units[block]);
    sizes.trained_block = std::max(sizes.trained_block, trained[block]);
  }
  sizes.unit = *std::max_element(units.begin(), units.end());
  sizes.head_unit = units[unit_of_part(config, config.layers + 1)];
  const auto gathered = [&](std::int64_t part) {
    const auto unit = unit_of_part(config, part);
    return unit == unit_of_part(config, config.layers + 1) ? 0.0 : units[unit];
  };
  for (std::int64_t part = 0; part < config.layers; ++part)
    sizes.two_units = std::max(sizes.two_units, gathered(part) + gathered(part + 1));
  sizes.head = static_cast<double>(config.vocabulary_size * config.head_width());
  return sizes;
}

ModelSizes sizes_of(const ModelConfig& config, const std::function<bool(const std::string&)>& selected,
                    const TrainOptions& options) {
  if (options.execution.lora_rank == 0) return sizes_of(config, selected);
  return sizes_of(with_adapters(config, options), [&](const std::string& name) {
    return is_adapter(name) && (!selected || selected(adapted_weight(name)));
  });
}

double frozen_bytes(const TrainOptions& options) {
  const bool as_stored = options.execution.lora_rank > 0 && options.execution.shard != Shard::none;
  return as_stored ? static_cast<double>(c10::elementSize(options.stored)) : 4;
}

}  // namespace unpact
