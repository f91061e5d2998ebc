#include "unpact/checkpoint/adapters.hpp"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "unpact/core/error.hpp"
#include "unpact/core/text.hpp"

namespace unpact {
namespace {

constexpr const char* kDown = ".lora_A.weight";
constexpr const char* kUp = ".lora_B.weight";
constexpr std::size_t kEnding = 14;  // characters of either
constexpr const char* kAll = "all";

/// "self_attn.q_proj"
std::string module_of(std::size_t which) {
  return concat(which <= static_cast<std::size_t>(Projected::output) ? "self_attn." : "mlp.", kProjectedNames[which]);
}

/// The projections that every block of a model has, by their place in kProjectedNames.
std::vector<std::size_t> projections_of(ModelConfig config) {
  config.adapters = {};
  Weights shape_only;
  std::set<std::string> names;
  for (const auto& spec : weight_specs(config, shape_only)) names.insert(spec.name);
  std::vector<std::size_t> found;
  for (std::size_t which = 0; which < kProjectedNames.size(); ++which)
    if (names.count(concat("model.layers.0.", module_of(which), ".weight")) != 0) found.push_back(which);
  return found;
}

bool has_target(const AdapterShape& shape, std::size_t which) {
  return std::find(shape.targets.begin(), shape.targets.end(), kProjectedNames[which]) != shape.targets.end();
}

}  // namespace

void check_adapter_targets(const std::string& targets) {
  const std::vector<std::string> known(kProjectedNames.begin(), kProjectedNames.end());
  const auto items = split_list(targets);
  UNPACT_VALIDATE(!items.empty(), "option 'train.lora_targets' is empty", "no weight would be trained", "use all");
  for (const auto& item : items)
    UNPACT_VALIDATE((item == kAll && items.size() == 1) || std::find(known.begin(), known.end(), item) != known.end(),
                    concat("option 'train.lora_targets' is '", targets, "'"), concat("it names ", item),
                    concat("use all, or some of ", join(known, ", ")));
}

AdapterShape adapter_shape(const ModelConfig& config, std::int64_t rank, double alpha, const std::string& targets) {
  AdapterShape shape{rank, alpha, {}};
  if (!shape.any()) return shape;
  check_adapter_targets(targets);
  for (const auto which : projections_of(config)) shape.targets.emplace_back(kProjectedNames[which]);
  if (trim(targets) == kAll) return shape;
  const auto items = split_list(targets);
  for (const auto& item : items)
    UNPACT_VALIDATE(std::find(shape.targets.begin(), shape.targets.end(), item) != shape.targets.end(),
                    concat("option 'train.lora_targets' names ", item, ", which the model has not"),
                    concat("the blocks of a ", config.architecture, " have ", join(shape.targets, ", ")),
                    "name some of these");
  shape.targets = items;
  return shape;
}

void add_adapter_specs(const ModelConfig& config, Weights& weights, std::vector<WeightSpec>& specs) {
  if (!config.adapters.any()) return;
  std::map<std::string, std::vector<std::int64_t>> shapes;
  for (const auto& spec : specs) shapes[spec.name] = spec.shape;
  for (std::size_t layer = 0; layer < weights.blocks.size(); ++layer) {
    for (std::size_t which = 0; which < kProjectedNames.size(); ++which) {
      const auto module = concat("model.layers.", layer, ".", module_of(which));
      const auto base = shapes.find(module + ".weight");
      if (base == shapes.end() || !has_target(config.adapters, which)) continue;
      auto& adapter = weights.blocks[layer].adapters[which];
      specs.push_back({module + kDown, {config.adapters.rank, base->second[1]}, &adapter.down_RI});
      specs.push_back({module + kUp, {base->second[0], config.adapters.rank}, &adapter.up_OR});
    }
  }
}

bool is_adapter(const std::string& name) { return name.ends_with(kDown) || name.ends_with(kUp); }

std::string adapted_weight(const std::string& name) {
  UNPACT_EXPECT(is_adapter(name));
  return name.substr(0, name.size() - kEnding) + ".weight";
}

void start_adapters(const ModelConfig& config, Weights& weights, std::uint64_t seed) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  for (auto& spec : weight_specs(config, weights)) {
    if (!is_adapter(spec.name)) continue;
    *spec.slot = at::zeros(spec.shape, at::kFloat);
    if (!spec.name.ends_with(kDown)) continue;
    const double bound = 1 / std::sqrt(static_cast<double>(spec.shape[1]));  // kaiming_uniform_ with a = sqrt(5)
    spec.slot->uniform_(-bound, bound, generator);
  }
}

}  // namespace unpact
