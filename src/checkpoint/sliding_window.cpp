#include "sliding_window.hpp"

#include <algorithm>

#include "config_fields.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

/// 0 when the key is null.
std::int64_t window_size(const Json& json, const Architecture& architecture, const std::string& where) {
  const auto* key = architecture.keys.window;
  if (!json.contains(key)) return architecture.default_window;
  return is_set(json, key) ? size_field(json, key, where, kMostPositions) : 0;
}

constexpr const char* kPattern = "sliding_window_pattern";

/// Gemma's default: all blocks but every n-th.
std::vector<std::int64_t> windows_but_every(const Json& json, const Architecture& architecture, const ModelConfig& config,
                                            std::int64_t window, const std::string& where) {
  auto period = architecture.period;
  if (config.block.local_theta > 0 && is_set(json, kPattern)) period = size_field(json, kPattern, where, kMostLayers);
  UNPACT_VALIDATE(window > 0 || period == 1, concat(where, ": ", architecture.keys.window, " is null"),
                  "most blocks of this model have a window", "check config.json");
  std::vector<std::int64_t> windows;
  for (std::int64_t layer = 0; layer < config.layers; ++layer) windows.push_back((layer + 1) % period == 0 ? 0 : window);
  return windows;
}

constexpr const char* kTypes = "attention_types";

void refuse_types(bool fine, const std::string& where, const ModelConfig& config) {
  UNPACT_VALIDATE(fine, concat(where, ": field '", kTypes, "' does not fit"),
                  concat("expected a list of [[\"global\" or \"local\", ...], how often] for ", config.layers, " blocks"),
                  "check config.json");
}

/// GPT-Neo's [[["global", "local"], 12]].
std::vector<std::int64_t> windows_of_names(const Json& json, const ModelConfig& config, std::int64_t window,
                                           const std::string& where) {
  const Json usual = Json::array({Json::array({Json::array({"global", "local"}), 12})});
  const auto& all = is_set(json, kTypes) ? json.at(kTypes) : usual;
  std::vector<std::int64_t> windows;
  refuse_types(all.is_array(), where, config);
  for (const auto& item : all) {
    refuse_types(
        item.is_array() && item.size() == 2 && item[0].is_array() && !item[0].empty() && item[1].is_number_integer(), where,
        config);
    const auto often = item[1].get<std::int64_t>();
    refuse_types(often >= 0 && often <= config.layers, where, config);
    for (std::int64_t i = 0; i < often; ++i) {
      refuse_types(windows.size() + item[0].size() <= static_cast<std::size_t>(config.layers), where, config);
      for (const auto& name : item[0]) {
        refuse_types(name == "global" || (name == "local" && window > 0), where, config);
        windows.push_back(name == "local" ? window : 0);
      }
    }
  }
  refuse_types(windows.size() == static_cast<std::size_t>(config.layers), where, config);
  return windows;
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
  } else if (architecture.windows == WindowRule::named_blocks) {
    config.windows = windows_of_names(json, config, window_size(json, architecture, where), where);
  } else if (architecture.windows == WindowRule::all_but_every) {
    const auto window = window_size(json, architecture, where);
    config.windows = is_set(json, "layer_types") ? windows_of_types(json.at("layer_types"), config, window, where)
                                                 : windows_but_every(json, architecture, config, window, where);
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
  const auto rule = architecture.windows;
  const bool bounded_by_blocks = rule == WindowRule::all_but_every || rule == WindowRule::named_blocks;
  if (window > 0 || !bounded_by_blocks) json[architecture.keys.window] = window > 0 ? Json(window) : Json(nullptr);
  if (rule == WindowRule::every_block) return;
  const auto names = [&](const char* bounded, const char* whole) {
    Json types = Json::array();
    for (std::int64_t layer = 0; layer < config.layers; ++layer)
      types.push_back(config.window_of(layer) > 0 ? bounded : whole);
    return types;
  };
  if (rule == WindowRule::named_blocks) {
    if (!is_set(json, kTypes)) json[kTypes] = Json::array({Json::array({names("local", "global"), 1})});
    return;
  }
  if (rule == WindowRule::chosen_blocks) json["use_sliding_window"] = window > 0;
  json["layer_types"] = names("sliding_attention", "full_attention");
}

}  // namespace unpact
