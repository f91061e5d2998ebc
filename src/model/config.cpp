#include "unpact/model/config.hpp"

#include <cmath>

#include "unpact/core/error.hpp"

namespace unpact {
namespace {

// Far above every published model; the number of weights still fits an int64 with room to spare.
constexpr std::int64_t kLargest = 1 << 22, kMostLayers = 1 << 13, kMostPositions = 1 << 28;

std::int64_t size_field(const Json& json, const std::string& key, const std::string& where,
                        std::int64_t largest = kLargest) {
  const auto value = require_integer(json, key, where);
  UNPACT_VALIDATE(value > 0 && value <= largest, concat(where, ": field '", key, "' is ", value),
                  concat("it must lie in 1..", largest), "check that config.json belongs to this model");
  return value;
}

/// A number that must not be smaller than 0, or not be 0 either.
double number_field(const Json& json, const std::string& key, double fallback, bool zero_allowed,
                    const std::string& where) {
  const auto value = number_or(json, key, fallback, where);
  UNPACT_VALIDATE(std::isfinite(value) && (value > 0 || (value == 0 && zero_allowed)),
                  concat(where, ": field '", key, "' is ", value),
                  zero_allowed ? "it must not be negative" : "it must be positive", "check config.json");
  return value;
}

std::vector<std::int64_t> id_list(const Json& json, const std::string& key, const std::string& where) {
  const auto it = json.find(key);
  if (it == json.end() || it->is_null()) return {};
  if (it->is_number_integer()) return {it->get<std::int64_t>()};
  std::vector<std::int64_t> ids;
  UNPACT_VALIDATE(it->is_array(), concat(where, ": field '", key, "' has the wrong type"),
                  "expected an integer or a list of integers", "correct that field");
  for (const auto& id : *it) {
    UNPACT_VALIDATE(id.is_number_integer(), concat(where, ": field '", key, "' has the wrong type"),
                    "its list holds something other than integers", "correct that field");
    ids.push_back(id.get<std::int64_t>());
  }
  return ids;
}

void refuse_unsupported(const Json& json, const ModelConfig& config, const std::string& where) {
  const auto activation = string_or(json, "hidden_act", "silu", where);
  UNPACT_VALIDATE(activation == "silu", concat(where, ": hidden_act '", activation, "' is not supported"),
                  "Llama models use 'silu'", "use a checkpoint of a supported architecture");
  const auto scaling = json.find("rope_scaling");
  UNPACT_VALIDATE(scaling == json.end() || scaling->is_null(), concat(where, ": rope_scaling is not supported"),
                  "positions would be rotated wrongly", "use a checkpoint without rope_scaling");
  UNPACT_VALIDATE(!bool_or(json, "attention_bias", false, where) && !bool_or(json, "mlp_bias", false, where),
                  concat(where, ": biases are not supported"), "attention_bias or mlp_bias is true",
                  "use a checkpoint without biases");
  UNPACT_VALIDATE(config.heads % config.key_value_heads == 0,
                  concat(where, ": num_attention_heads (", config.heads, ") is no multiple of num_key_value_heads (",
                         config.key_value_heads, ")"),
                  "grouped-query attention shares each key head among equally many query heads", "check config.json");
  UNPACT_VALIDATE(config.head_dim % 2 == 0, concat(where, ": head_dim ", config.head_dim, " is odd"),
                  "rotary positions rotate pairs", "check config.json");
}

bool is_set(const Json& json, const std::string& key) { return json.contains(key) && !json.at(key).is_null(); }

/// head_dim, or without it the hidden size shared out among the heads.
std::int64_t head_dim_of(const Json& json, const ModelConfig& config, const std::string& where) {
  const bool given = is_set(json, "head_dim");
  UNPACT_VALIDATE(given || config.hidden_size % config.heads == 0,
                  concat(where, ": hidden_size (", config.hidden_size, ") is no multiple of num_attention_heads (",
                         config.heads, ")"),
                  "without head_dim the heads share the hidden size", "check config.json");
  const auto head_dim = given ? size_field(json, "head_dim", where) : config.hidden_size / config.heads;
  UNPACT_VALIDATE(head_dim <= kLargest / config.heads,
                  concat(where, ": head_dim ", head_dim, " is too large for ", config.heads, " heads"),
                  concat("together they must not exceed ", kLargest), "check config.json");
  return head_dim;
}

/// transformers 5 moved rope_theta into "rope_parameters"; both places are read.
double rope_theta_of(const Json& json, const std::string& where) {
  const auto parameters = json.find("rope_parameters");
  if (parameters == json.end() || parameters->is_null()) return number_field(json, "rope_theta", 10000.0, false, where);
  UNPACT_VALIDATE(parameters->is_object(), concat(where, ": field 'rope_parameters' has the wrong type"),
                  "expected an object", "correct that field");
  const auto type = string_or(*parameters, "rope_type", "default", where);
  UNPACT_VALIDATE(type == "default", concat(where, ": rope_type '", type, "' of rope_parameters is not supported"),
                  "only 'default' is", "use a checkpoint without rope scaling");
  return number_field(*parameters, "rope_theta", 10000.0, false, where);
}

}  // namespace

std::int64_t ModelConfig::parameter_count() const {
  const std::int64_t attention = hidden_size * head_dim * (2 * heads + 2 * key_value_heads);
  const std::int64_t block = attention + 3 * hidden_size * intermediate_size + 2 * hidden_size;
  return vocabulary_size * hidden_size * (tied_embeddings ? 1 : 2) + layers * block + hidden_size;
}

ModelConfig read_model_config(const std::filesystem::path& folder) {
  const auto path = folder / "config.json";
  UNPACT_VALIDATE(std::filesystem::exists(path), concat("no model in ", folder.string()), "config.json is missing there",
                  "give the folder of a Hugging Face checkpoint");
  const auto json = read_json_file(path);
  const auto where = path.string();
  ModelConfig config;
  config.architecture = require_string(json, "model_type", where);
  UNPACT_VALIDATE(config.architecture == "llama",
                  concat(where, ": model_type '", config.architecture, "' is not supported"),
                  "supported: llama", "use a checkpoint of a supported architecture");
  config.vocabulary_size = size_field(json, "vocab_size", where);
  config.hidden_size = size_field(json, "hidden_size", where);
  config.intermediate_size = size_field(json, "intermediate_size", where);
  config.layers = size_field(json, "num_hidden_layers", where, kMostLayers);
  config.heads = size_field(json, "num_attention_heads", where);
  const bool grouped = is_set(json, "num_key_value_heads");
  config.key_value_heads = grouped ? size_field(json, "num_key_value_heads", where) : config.heads;
  config.head_dim = head_dim_of(json, config, where);
  config.max_positions = size_field(json, "max_position_embeddings", where, kMostPositions);
  config.norm_epsilon = number_field(json, "rms_norm_eps", 1e-6, true, where);
  config.rope_theta = rope_theta_of(json, where);
  config.initializer_range = number_field(json, "initializer_range", 0.02, true, where);
  config.tied_embeddings = bool_or(json, "tie_word_embeddings", false, where);
  config.bos_id = integer_or(json, "bos_token_id", -1, where);
  refuse_unsupported(json, config, where);
  config.eos_ids = id_list(json, "eos_token_id", where);
  if (const auto generation = folder / "generation_config.json"; std::filesystem::exists(generation)) {
    const auto ids = id_list(read_json_file(generation), "eos_token_id", generation.string());
    if (!ids.empty()) config.eos_ids = ids;
  }
  return config;
}

Json model_config_json(const ModelConfig& config, const std::string& dtype) {
  Json json;
  json["architectures"] = {"LlamaForCausalLM"};
  json["model_type"] = config.architecture;
  json["vocab_size"] = config.vocabulary_size;
  json["hidden_size"] = config.hidden_size;
  json["intermediate_size"] = config.intermediate_size;
  json["num_hidden_layers"] = config.layers;
  json["num_attention_heads"] = config.heads;
  json["num_key_value_heads"] = config.key_value_heads;
  json["head_dim"] = config.head_dim;
  json["hidden_act"] = "silu";
  json["max_position_embeddings"] = config.max_positions;
  json["rms_norm_eps"] = config.norm_epsilon;
  json["rope_theta"] = config.rope_theta;
  json["rope_scaling"] = nullptr;
  json["attention_bias"] = false;
  json["mlp_bias"] = false;
  json["initializer_range"] = config.initializer_range;
  json["tie_word_embeddings"] = config.tied_embeddings;
  if (config.bos_id >= 0) json["bos_token_id"] = config.bos_id;
  if (config.eos_ids.size() == 1) json["eos_token_id"] = config.eos_ids.front();
  if (config.eos_ids.size() > 1) json["eos_token_id"] = config.eos_ids;
  json["torch_dtype"] = dtype;
  return json;
}

}  // namespace unpact
