#include "rope_config.hpp"

#include "config_fields.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

const Json* object_field(const Json& json, const std::string& key, const std::string& where) {
  if (!is_set(json, key)) return nullptr;
  UNPACT_VALIDATE(json.at(key).is_object(), concat(where, ": field '", key, "' has the wrong type"),
                  "expected an object or null", "correct that field");
  return json.at(key).empty() ? nullptr : &json.at(key);
}

RopeScaling read_llama3(const Json& json, const Json& scaling, const std::string& where) {
  RopeScaling rope{"llama3", positive_field(scaling, "factor", where), positive_field(scaling, "low_freq_factor", where),
                   positive_field(scaling, "high_freq_factor", where), 0};
  const auto* key = "original_max_position_embeddings";
  // The precedence of transformers: beside the rope settings, within them, the context itself.
  rope.original_positions = is_set(json, key)      ? size_field(json, key, where, kMostPositions)
                            : is_set(scaling, key) ? size_field(scaling, key, where, kMostPositions)
                                                   : size_field(json, "max_position_embeddings", where, kMostPositions);
  UNPACT_VALIDATE(rope.high_frequency_factor > rope.low_frequency_factor,
                  concat(where, ": high_freq_factor (", rope.high_frequency_factor, ") is not above low_freq_factor (",
                         rope.low_frequency_factor, ")"),
                  "frequencies between the two are interpolated", "check the rope settings of config.json");
  return rope;
}

RopeScaling read_scaling(const Json& json, const Json& scaling, const std::string& key, const std::string& where) {
  const auto type = string_or(scaling, "rope_type", string_or(scaling, "type", "default", where), where);
  UNPACT_VALIDATE(number_or(scaling, "partial_rotary_factor", 1.0, where) == 1.0,
                  concat(where, ": partial_rotary_factor of ", key, " is not supported"),
                  "only whole heads are rotated here", "use a checkpoint of a supported architecture");
  if (type == "default") return {};
  if (type == "linear") {
    RopeScaling rope;
    rope.type = type;
    rope.factor = positive_field(scaling, "factor", where);
    return rope;
  }
  if (type == "llama3") return read_llama3(json, scaling, where);
  throw UserError(concat(where, ": rope_type '", type, "' of ", key, " is not supported"), "known: default, linear, llama3",
                  "use a checkpoint without this kind of rope scaling");
}

}  // namespace

void read_rope(const Json& json, ModelConfig& config, const std::string& where) {
  const auto* scaling = object_field(json, "rope_scaling", where);
  const auto* parameters = object_field(json, "rope_parameters", where);
  const auto* used = scaling != nullptr ? scaling : parameters;  // as transformers 5 chooses
  config.rope_theta = number_field(json, "rope_theta", 10000.0, false, where);
  if (used == nullptr) return;
  config.rope_theta = number_field(*used, "rope_theta", config.rope_theta, false, where);
  config.rope_scaling = read_scaling(json, *used, scaling != nullptr ? "rope_scaling" : "rope_parameters", where);
}

void write_rope(const ModelConfig& config, Json& json) {
  const auto& rope = config.rope_scaling;
  const bool scaled = is_set(json, "rope_scaling");
  const bool newer = is_set(json, "rope_parameters") && !scaled;
  const bool oldest = scaled && json["rope_scaling"].contains("type") && !json["rope_scaling"].contains("rope_type");
  Json settings = Json::object();
  settings[oldest ? "type" : "rope_type"] = rope.type;
  if (rope.type != "default") settings["factor"] = rope.factor;
  if (rope.type == "llama3") {
    settings["low_freq_factor"] = rope.low_frequency_factor;
    settings["high_freq_factor"] = rope.high_frequency_factor;
    settings["original_max_position_embeddings"] = rope.original_positions;
  }
  if (newer) {
    settings["rope_theta"] = config.rope_theta;
    json["rope_parameters"].update(settings);
    return;
  }
  json["rope_theta"] = config.rope_theta;
  if (!scaled) {
    json["rope_scaling"] = rope.type == "default" ? Json(nullptr) : settings;
    return;
  }
  if (json["rope_scaling"].contains("rope_theta")) settings["rope_theta"] = config.rope_theta;
  json["rope_scaling"].update(settings);
}

}  // namespace unpact
