#include "rmu.hpp"

#include <set>

#include "unpact/core/error.hpp"
#include "representation_term.hpp"

namespace unpact {
namespace {

/// What trains, by name: positions in a parameter list would mean different weights on different architectures.
struct Trained {
  std::set<std::string> names;
  std::int64_t first_block = 0;  ///< everything before it is frozen
};

std::set<std::string> weight_names(const ModelConfig& config) {
  Weights shape_only;
  std::set<std::string> names;
  for (const auto& spec : weight_specs(config, shape_only)) names.insert(spec.name);
  return names;
}

std::string block_prefix(std::int64_t block) { return concat("model.layers.", block, "."); }

/// Every weight that the output of block `layer` depends on.
Trained all_up_to(std::int64_t layer, const ModelConfig& config) {
  Trained trained;
  for (const auto& name : weight_names(config)) {
    bool later = name == "lm_head.weight" || name.rfind("model.norm.", 0) == 0;
    for (auto block = layer + 1; block < config.layers; ++block) later = later || name.rfind(block_prefix(block), 0) == 0;
    if (!later) trained.names.insert(name);
  }
  return trained;
}

std::int64_t parse_layer(const std::string& text, const MethodOptions& method, const ModelConfig& config) {
  UNPACT_VALIDATE(text.find_first_not_of("0123456789") == std::string::npos && text.size() < 6,
                  concat("option 'method.trained_layers' is '", method.trained_layers, "'"),
                  concat("'", text, "' is no layer number"), "write numbers separated by commas, e.g. 5,6,7, or all");
  const auto layer = std::stoll(text);
  UNPACT_VALIDATE(
      layer < config.layers && layer <= method.layer, concat("option 'method.trained_layers' names block ", layer),
      concat("blocks behind the steered one (", method.layer, ") or beyond the model's ", config.layers, " get no gradient"),
      "name blocks up to method.layer");
  return layer;
}

Trained trained_weights(const MethodOptions& method, const ModelConfig& config) {
  UNPACT_VALIDATE(method.layer >= 0 && method.layer < config.layers, concat("option 'method.layer' is ", method.layer),
                  concat("the model has blocks 0..", config.layers - 1), "choose one of these");
  if (trim(method.trained_layers) == "all") return all_up_to(method.layer, config);
  Trained trained;
  trained.first_block = method.layer;
  for (const auto& text : split_list(method.trained_layers)) {
    const auto layer = parse_layer(text, method, config);
    trained.first_block = std::min<std::int64_t>(trained.first_block, layer);
    for (const auto& weight : split_list(method.trained_weights)) trained.names.insert(block_prefix(layer) + weight);
  }
  const auto existing = weight_names(config);
  for (const auto& name : trained.names)
    UNPACT_VALIDATE(existing.count(name) != 0, concat("option 'method.trained_weights': the model has no weight ", name),
                    "names are those of the Hugging Face checkpoint", "use e.g. mlp.down_proj.weight");
  return trained;
}

}  // namespace

std::set<std::string> rmu_weights(const MethodOptions& method, const ModelConfig& config) {
  return trained_weights(method, config).names;
}

UnlearnResult run_rmu(const MethodRun& run) {
  const auto& [method, data, frozen] = run.inputs;
  const auto trained = trained_weights(method, run.model.config());
  const RepresentationOptions shape{method.layer, method.rmu_mean, trained.first_block, method.rmu_early_stop};
  const auto steering = steering_vector(run.model.config().hidden_size, method.steering, run.options.seed);
  auto forget = std::make_unique<RepresentationTerm>(data.forget, shape, steering, frozen);
  auto retain = std::make_unique<RepresentationTerm>(data.retain, shape, frozen);
  const auto options = freeing(run.options, [&] {
    forget.reset();
    retain.reset();
  });
  UnlearnResult result;
  result.steps = train(
      run.model, {{forget.get(), method.forget_weight}, {retain.get(), method.retain_weight, data.retain_sampling}}, options,
      run.group, [&](const std::string& name) { return trained.names.count(name) != 0; }, run.on_step);
  result.weights = run.model.weights();
  return result;
}

}  // namespace unpact
