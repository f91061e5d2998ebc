#include "unpact/unlearn/method.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "unpact/core/error.hpp"
#include "unpact/unlearn/retain_terms.hpp"

namespace unpact {
namespace {

void require_known(const char* key, const std::string& value, const std::vector<std::string>& known) {
  if (std::find(known.begin(), known.end(), value) != known.end()) return;
  const auto near = closest_match(value, known);
  throw UserError(concat("option 'method.", key, "' is '", value, "'"), concat("known: ", join(known, ", ")),
                  near.empty() ? "choose one of these" : concat("did you mean '", near, "'?"));
}

/// RMU trains `trained_weights` of the blocks `trained_layers`, by name: positions in a parameter list would mean
/// different weights on different architectures.
std::set<std::string> trained_names(const MethodOptions& method, const ModelConfig& config) {
  std::set<std::string> names;
  for (const auto& text : split_list(method.trained_layers)) {
    UNPACT_VALIDATE(text.find_first_not_of("0123456789") == std::string::npos && text.size() < 6,
                    concat("option 'method.trained_layers' is '", method.trained_layers, "'"), concat("'", text, "' is no layer number"),
                    "write numbers separated by commas, e.g. 5,6,7");
    const auto layer = std::stoll(text);
    UNPACT_VALIDATE(layer < config.layers && layer <= method.layer, concat("option 'method.trained_layers' names block ", layer),
                    concat("blocks behind the steered one (", method.layer, ") or beyond the model's ", config.layers,
                           " get no gradient"),
                    "name blocks up to method.layer");
    for (const auto& weight : split_list(method.trained_weights)) names.insert(concat("model.layers.", layer, ".", weight));
  }
  Weights shape_only;
  std::set<std::string> existing;
  for (const auto& spec : weight_specs(config, shape_only)) existing.insert(spec.name);
  for (const auto& name : names)
    UNPACT_VALIDATE(existing.count(name) != 0, concat("option 'method.trained_weights': the model has no weight ", name),
                    "names are those of the Hugging Face checkpoint", "use e.g. mlp.down_proj.weight");
  return names;
}

UnlearnResult run_rmu(Transformer& model, const Transformer& target, const MethodOptions& method, const TrainOptions& options,
                      const UnlearnData& data, Collectives& group, const std::function<void(const StepReport&)>& on_step) {
  const auto& config = target.config();
  UNPACT_VALIDATE(method.layer >= 0 && method.layer < config.layers, concat("option 'method.layer' is ", method.layer),
                  concat("the model has blocks 0..", config.layers - 1), "choose one of these");
  const auto names = trained_names(method, config);
  const RepresentationTerm forget(data.forget, method.layer, steering_vector(config.hidden_size, method.steering, options.seed));
  const RepresentationTerm retain(data.retain, method.layer, target);
  UnlearnResult result;
  result.steps = train(model, {{&forget, method.forget_weight}, {&retain, method.retain_weight}}, options, group,
                       [&](const std::string& name) { return names.count(name) != 0; }, on_step);
  result.weights = model.weights();
  return result;
}

UnlearnResult run_task_vector(Transformer& model, const Transformer& target, const MethodOptions& method, const TrainOptions& options,
                              const UnlearnData& data, Collectives& group, const std::function<void(const StepReport&)>& on_step) {
  const CrossEntropyTerm reinforce(data.forget);
  UnlearnResult result;
  result.steps = train(model, {{&reinforce, 1.0}}, options, group, {}, on_step);
  result.weights = clone_weights(target.weights());
  subtract_task_vector(result.weights, model.weights(), method.scale);
  return result;
}

std::unique_ptr<LossTerm> make_forget_term(const MethodOptions& method, const Transformer& target, const UnlearnData& data) {
  if (method.forget == "npo") return std::make_unique<NpoTerm>(data.forget, target, method.beta, method.length_normalized);
  return std::make_unique<GradientAscentTerm>(data.forget);
}

std::unique_ptr<LossTerm> make_retain_term(const MethodOptions& method, const Transformer& target, const UnlearnData& data) {
  if (method.retain == "gd") return std::make_unique<CrossEntropyTerm>(data.retain);
  if (method.retain == "kl") return std::make_unique<KlTerm>(data.retain, target);
  return nullptr;
}

}  // namespace

void check_method(const MethodOptions& method) {
  require_known("forget", method.forget, {"ga", "npo", "rmu", "tv"});
  require_known("retain", method.retain, {"none", "gd", "kl"});
  const bool composed = method.forget == "ga" || method.forget == "npo";
  UNPACT_VALIDATE(composed || method.retain == "none", concat("options 'method.forget = ", method.forget, "' and 'method.retain = ",
                                                               method.retain, "' contradict each other"),
                  method.forget == "rmu" ? "rmu brings its own retain side" : "tv has no loss on the retain set",
                  "set method.retain = none");
  UNPACT_VALIDATE(method.beta > 0, concat("option 'method.beta' is ", method.beta), "it must be positive", "use 0.1");
  UNPACT_VALIDATE(method.forget_weight >= 0 && method.retain_weight >= 0, "a method's weight is negative",
                  "method.forget_weight and method.retain_weight must be >= 0", "use 1");
  UNPACT_VALIDATE(std::isfinite(method.scale) && std::isfinite(method.steering),
                  "options 'method.scale' and 'method.steering' must be finite",
                  concat("they are ", method.scale, " and ", method.steering), "use 1 and 20");
}

void subtract_task_vector(Weights& weights, const Weights& reinforced, double scale) {
  const c10::NoGradGuard guard;
  auto base = named_tensors(weights);
  const auto moved = named_tensors(reinforced);
  UNPACT_EXPECT(base.size() == moved.size());
  for (std::size_t i = 0; i < base.size(); ++i) base[i].second.sub_(moved[i].second - base[i].second, scale);
}

UnlearnResult unlearn(const Transformer& target, const MethodOptions& method, const TrainOptions& options, const UnlearnData& data,
                      Collectives& group, const std::function<void(const StepReport&)>& on_step) {
  check_method(method);
  Transformer model(target.config(), target.weights());  // training takes copies of what it changes
  if (method.forget == "rmu") return run_rmu(model, target, method, options, data, group, on_step);
  if (method.forget == "tv") return run_task_vector(model, target, method, options, data, group, on_step);
  const auto forget = make_forget_term(method, target, data);
  const auto retain = make_retain_term(method, target, data);
  std::vector<WeightedTerm> terms = {{forget.get(), method.forget_weight}};
  if (retain) terms.push_back({retain.get(), method.retain_weight});
  UnlearnResult result;
  result.steps = train(model, terms, options, group, {}, on_step);
  result.weights = model.weights();
  return result;
}

}  // namespace unpact
