#include "model_sizes.hpp"

#include <algorithm>
#include <vector>

#include "unpact/model/model_units.hpp"
#include "unpact/checkpoint/weights.hpp"

namespace unpact {

ModelSizes sizes_of(const ModelConfig& config, const std::function<bool(const std::string&)>& selected) {
  Weights shape_only;
  ModelSizes sizes;
  std::vector<double> units(unit_count(config) + 1, 0);
  for (const auto& spec : weight_specs(config, shape_only)) {
    double size = 1;
    for (const auto extent : spec.shape) size *= static_cast<double>(extent);
    sizes.all += size;
    if (!selected || selected(spec.name)) sizes.trained += size;
    units[unit_index(config, spec.name)] += size;
  }
  for (std::int64_t layer = 0; layer < config.layers; ++layer)
    sizes.block = std::max(sizes.block, units[static_cast<std::size_t>(layer) + 1]);
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

}  // namespace unpact
