#include "rope_config.hpp"

#include <algorithm>
#include <cmath>

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
  RopeScaling rope{.type = "llama3",
                   .factor = positive_field(scaling, "factor", where),
                   .low_frequency_factor = positive_field(scaling, "low_freq_factor", where),
                   .high_frequency_factor = positive_field(scaling, "high_freq_factor", where)};
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

/// One number above 0 for each pair of channels that turns.
std::vector<double> factors_of(const Json& scaling, const char* key, const ModelConfig& config, const std::string& where) {
  const auto pairs = static_cast<std::size_t>(config.turned_dim() / 2);
  const auto found = scaling.find(key);
  UNPACT_VALIDATE(found != scaling.end() && found->is_array() && found->size() == pairs,
                  concat(where, ": field '", key, "' does not fit"), concat("longrope needs a list of ", pairs, " numbers"),
                  "check the rope settings of config.json");
  std::vector<double> factors;
  for (const auto& factor : *found) {
    UNPACT_VALIDATE(factor.is_number() && std::isfinite(factor.get<double>()) && factor.get<double>() > 0,
                    concat(where, ": field '", key, "' holds ", factor.dump(-1, ' ', true, Json::error_handler_t::replace)),
                    "frequencies are divided by it", "check the rope settings of config.json");
    factors.push_back(factor.get<double>());
  }
  return factors;
}

/// Ding et al., arXiv 2402.13753, as transformers computes it within the context of pretraining. Beyond it every frequency is
/// another one, of earlier tokens too: such sequences are not offered.
RopeScaling read_longrope(const Json& json, const Json& scaling, ModelConfig& config, const std::string& where) {
  constexpr std::int64_t kDefaultOfPhi3 = 4096;
  RopeScaling rope;
  rope.type = "longrope";
  const auto* key = "original_max_position_embeddings";
  rope.original_positions = is_set(json, key) ? size_field(json, key, where, kMostPositions) : kDefaultOfPhi3;
  rope.divisors = factors_of(scaling, "short_factor", config, where);
  factors_of(scaling, "long_factor", config, where);
  const auto original = static_cast<double>(rope.original_positions);
  rope.factor = number_field(scaling, "factor", static_cast<double>(config.max_positions) / original, false, where);
  const auto usual = rope.factor <= 1 ? 1.0 : std::sqrt(1 + std::log(rope.factor) / std::log(original));
  rope.attention_factor = number_field(scaling, "attention_factor", usual, false, where);
  config.max_positions = std::min(config.max_positions, rope.original_positions);
  return rope;
}

RopeScaling read_scaling(const Json& json, const Architecture& architecture, const Json& scaling, const std::string& key,
                         ModelConfig& config, const std::string& where) {
  const auto type = string_or(scaling, "rope_type", string_or(scaling, "type", "default", where), where);
  const bool is_phi3 = architecture.storage == StorageLayout::phi3;
  UNPACT_VALIDATE(architecture.default_rotary_share > 0 || number_or(scaling, "partial_rotary_factor", 1.0, where) == 1.0,
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
  // As transformers reads Phi-3's earlier names.
  if (is_phi3 && (type == "longrope" || type == "su" || type == "yarn")) return read_longrope(json, scaling, config, where);
  throw UserError(concat(where, ": rope_type '", type, "' of ", key, " is not supported"),
                  is_phi3 ? "known: default, linear, llama3, longrope" : "known: default, linear, llama3",
                  "use a checkpoint without this kind of rope scaling");
}

constexpr const char *kWhole = "full_attention", *kLocal = "sliding_attention", *kLocalTheta = "rope_local_base_freq";

/// Gemma 3's rope of blocks without a window, and that of those with one, which nothing stretches: in "rope_parameters", one
/// entry for each, or in "rope_theta" with "rope_scaling" and "rope_local_base_freq".
void read_two_ropes(const Json& json, const Architecture& architecture, ModelConfig& config, const std::string& where) {
  const auto* parameters = object_field(json, "rope_parameters", where);
  const auto part_of = [&](const char* name) {
    const auto* part = parameters != nullptr ? object_field(*parameters, name, where) : nullptr;
    return part != nullptr ? *part : Json::object();
  };
  auto whole = part_of(kWhole);
  const auto local = part_of(kLocal);
  if (const auto* scaling = object_field(json, "rope_scaling", where); scaling != nullptr) {
    if (scaling->contains("type")) whole.erase("rope_type");  // the older name
    whole.update(*scaling);
  }
  const auto rope_theta = number_field(json, architecture.keys.rope_theta, architecture.default_rope_theta, false, where);
  const auto local_theta = number_field(json, kLocalTheta, config.block.local_theta, false, where);
  config.rope_theta = number_field(whole, "rope_theta", rope_theta, false, where);
  config.block.local_theta = number_field(local, "rope_theta", local_theta, false, where);
  config.rope_scaling = read_scaling(json, architecture, whole, "rope_parameters", config, where);
  const auto type = string_or(local, "rope_type", "default", where);
  UNPACT_VALIDATE(type == "default", concat(where, ": rope_type '", type, "' of ", kLocal, " is not supported"),
                  "known there: default", "use a checkpoint without this kind of rope scaling");
}

/// @return whether rope_parameters has an entry for each kind of block, which then are written.
bool write_two_ropes(const ModelConfig& config, const Json& settings, Json& json) {
  if (!is_set(json, "rope_parameters") || !is_set(json["rope_parameters"], kWhole)) {
    json[kLocalTheta] = config.block.local_theta;
    return false;
  }
  auto& parameters = json["rope_parameters"];
  parameters[kWhole].update(settings);
  parameters[kWhole]["rope_theta"] = config.rope_theta;
  if (!is_set(parameters, kLocal)) parameters[kLocal] = {{"rope_type", "default"}};
  parameters[kLocal]["rope_theta"] = config.block.local_theta;
  return true;
}

}  // namespace

void read_rope(const Json& json, const Architecture& architecture, ModelConfig& config, const std::string& where) {
  if (config.block.local_theta > 0) return read_two_ropes(json, architecture, config, where);
  const auto* scaling = object_field(json, "rope_scaling", where);
  const auto* parameters = object_field(json, "rope_parameters", where);
  const auto* used = scaling != nullptr ? scaling : parameters;  // as transformers 5 chooses
  config.rope_theta = number_field(json, architecture.keys.rope_theta, architecture.default_rope_theta, false, where);
  if (used == nullptr) return;
  config.rope_theta = number_field(*used, "rope_theta", config.rope_theta, false, where);
  config.rope_scaling =
      read_scaling(json, architecture, *used, scaling != nullptr ? "rope_scaling" : "rope_parameters", config, where);
}

void write_rope(const ModelConfig& config, const Architecture& architecture, Json& json) {
  const auto& rope = config.rope_scaling;
  const bool scaled = is_set(json, "rope_scaling");
  const bool newer = is_set(json, "rope_parameters") && !scaled;
  const bool oldest = scaled && json["rope_scaling"].contains("type") && !json["rope_scaling"].contains("rope_type");
  Json settings = Json::object();
  const bool is_long = rope.type == "longrope";  // under one of its names, with lists that are not all kept here
  if (!is_long) settings[oldest ? "type" : "rope_type"] = rope.type;
  if (rope.type != "default" && !is_long) settings["factor"] = rope.factor;
  if (rope.type == "llama3") {
    settings["low_freq_factor"] = rope.low_frequency_factor;
    settings["high_freq_factor"] = rope.high_frequency_factor;
    settings["original_max_position_embeddings"] = rope.original_positions;
  }
  if (is_long && !scaled && !newer) {
    settings = {{"rope_type", rope.type},
                {"factor", rope.factor},
                {"short_factor", rope.divisors},
                {"long_factor", rope.divisors},
                {"attention_factor", rope.attention_factor}};
    json["original_max_position_embeddings"] = rope.original_positions;
  }
  if (config.block.local_theta > 0 && write_two_ropes(config, settings, json)) return;
  if (newer) {
    settings["rope_theta"] = config.rope_theta;
    json["rope_parameters"].update(settings);
    return;
  }
  json[architecture.keys.rope_theta] = config.rope_theta;
  if (!scaled) {
    const bool usual = std::string(architecture.keys.rope_theta) == "rope_theta";
    if (usual || rope.type != "default") json["rope_scaling"] = rope.type == "default" ? Json(nullptr) : settings;
    return;
  }
  if (json["rope_scaling"].contains("rope_theta")) settings["rope_theta"] = config.rope_theta;
  json["rope_scaling"].update(settings);
}

}  // namespace unpact
