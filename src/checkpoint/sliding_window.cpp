#include "sliding_window.hpp"

#include <algorithm>

#include "config_fields.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

/// 0 when the key is null.
std::int64_t window_size(const Json& json, const Architecture& architecture, const std::string& where) {
  if (!json.contains("sliding_window")) return architecture.default_window;
  return is_set(json, "sliding_window") ? size_field(json, "sliding_window", where, kMostPositions) : 0;
}

/// Qwen's default: blocks from max_window_layers on.
std::vector<std::int64_t> windows_behind(const Json& json, const ModelConfig& config, std::int64_t window,
                                         const std::string& where) {
  const auto first = integer_or(json, "max_window_layers", 28, where);
  std::vector<std::int64_t> windows;
  for (std::int64_t layer = 0; layer < config.layers; ++layer) windows.push_back(layer >= first ? window : 0);
  return windows;
}

std::vector<std::int64_t> windows_of_types(const Json& types, const ModelConfig& config, std::int64_t window,
                                           const std::string& where) {
  UNPACT_VALIDATE(types.is_array() && types.size() == static_cast<std::size_t>(config.layers),
                  concat(where, ": field 'layer_types' does not fit"),
                  concat("expected a list of ", config.layers, " names, one a block"), "check config.json");
  std::vector<std::int64_t> windows;
  for (const auto& type : types) {
    UNPACT_VALIDATE(type == "full_attention" || type == "sliding_attention",
                    concat(where, ": layer_types holds ", type.dump(-1, ' ', true, Json::error_handler_t::replace),
                           ", which is not supported"),
                    "known: full_attention, sliding_attention", "use a checkpoint of a supported architecture");
    UNPACT_VALIDATE(type == "full_attention" || window > 0,
                    concat(where, ": layer_types has sliding_attention without a window"),
                    "use_sliding_window is false or sliding_window is null", "check config.json");
    windows.push_back(type == "sliding_attention" ? window : 0);
  }
  return windows;
}

}  // namespace

void read_windows(const Json& json, const Architecture& architecture, ModelConfig& config, const std::string& where) {
  if (architecture.windows == WindowRule::none) return;
  if (architecture.windows == WindowRule::every_block) {
    config.windows.assign(static_cast<std::size_t>(config.layers), window_size(json, architecture, where));
  } else {
    const auto window = bool_or(json, "use_sliding_window", false, where) ? window_size(json, architecture, where) : 0;
    config.windows = is_set(json, "layer_types") ? windows_of_types(json.at("layer_types"), config, window, where)
                                                 : windows_behind(json, config, window, where);
  }
  const bool unbounded = std::all_of(config.windows.begin(), config.windows.end(), [](auto w) { return w == 0; });
  if (unbounded) config.windows.clear();
}

void write_windows(const ModelConfig& config, const Architecture& architecture, Json& json) {
  if (architecture.windows == WindowRule::none) return;
  std::int64_t window = 0;
  for (const auto each : config.windows) window = std::max(window, each);
  json["sliding_window"] = window > 0 ? Json(window) : Json(nullptr);
  if (architecture.windows == WindowRule::every_block) return;
  json["use_sliding_window"] = window > 0;
  Json types = Json::array();
  for (std::int64_t layer = 0; layer < config.layers; ++layer)
    types.push_back(config.window_of(layer) > 0 ? "sliding_attention" : "full_attention");
  json["layer_types"] = types;
}

}  // namespace unpact
