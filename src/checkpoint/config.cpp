#include "unpact/checkpoint/config.hpp"

#include <algorithm>
#include <cmath>

#include "config_fields.hpp"
#include "family_settings.hpp"
#include "rope_config.hpp"
#include "sliding_window.hpp"
#include "t5_config.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

void check_heads(const ModelConfig& config, const Architecture& architecture, const std::string& where) {
  UNPACT_VALIDATE(config.heads % config.key_value_heads == 0,
                  concat(where, ": ", architecture.keys.heads, " (", config.heads,
                         ") is no multiple of num_key_value_heads (", config.key_value_heads, ")"),
                  "grouped-query attention shares each key head among equally many query heads", "check config.json");
  UNPACT_VALIDATE(config.block.positions != PositionKind::rotary || config.head_dim % 2 == 0,
                  concat(where, ": head_dim ", config.head_dim, " is odd"), "rotary positions rotate pairs",
                  "check config.json");
}

/// head_dim, or without it the architecture's default or the hidden size shared out among the heads.
std::int64_t head_dim_of(const Json& json, const ModelConfig& config, const Architecture& architecture,
                         const std::string& where) {
  const bool given = is_set(json, "head_dim") && architecture.has_key_value_heads;  // GPT-2 and GPT-NeoX have no such key
  const auto fallback = json.contains("head_dim") ? 0 : architecture.default_head_dim;
  UNPACT_VALIDATE(given || fallback > 0 || config.hidden_size % config.heads == 0,
                  concat(where, ": ", architecture.keys.hidden, " (", config.hidden_size, ") is no multiple of ",
                         architecture.keys.heads, " (", config.heads, ")"),
                  "without head_dim the heads share the hidden size", "check config.json");
  const auto head_dim = given          ? size_field(json, "head_dim", where)
                        : fallback > 0 ? fallback
                                       : config.hidden_size / config.heads;
  UNPACT_VALIDATE(head_dim <= kLargestSize / config.heads,
                  concat(where, ": head_dim ", head_dim, " is too large for ", config.heads, " heads"),
                  concat("together they must not exceed ", kLargestSize), "check config.json");
  return head_dim;
}

std::int64_t key_value_heads_of(const Json& json, const ModelConfig& config, const Architecture& architecture,
                                const std::string& where) {
  if (!architecture.has_key_value_heads) return config.heads;
  if (is_set(json, "num_key_value_heads")) return size_field(json, "num_key_value_heads", where);
  const bool absent = !json.contains("num_key_value_heads");
  return absent && architecture.default_key_value_heads > 0 ? architecture.default_key_value_heads : config.heads;
}

/// GPT-2 and GPT-Neo leave their MLP's width out when it is the usual four times the hidden size.
bool may_lack_width(const Architecture& architecture) {
  return architecture.storage == StorageLayout::gpt2 || architecture.storage == StorageLayout::gpt_neo;
}

std::int64_t intermediate_size_of(const Json& json, const ModelConfig& config, const Architecture& architecture,
                                  const std::string& where) {
  const auto* key = architecture.keys.intermediate;
  if (may_lack_width(architecture) && !is_set(json, key)) return 4 * config.hidden_size;
  return size_field(json, key, where);
}

Activation activation_of(const Json& json, const Architecture& architecture, const std::string& where) {
  const auto* key = architecture.keys.activation;
  const auto name = string_or(json, key, architecture.default_activation, where);
  if (name == "silu" || name == "swish") return Activation::silu;
  if (name == "gelu_new" || name == "gelu_pytorch_tanh") return Activation::gelu_new;
  // Gemma's first files say gelu in hidden_act and mean its tanh form, as transformers reads them.
  const bool first_gemma = architecture.block.norm_plus_one && std::string(key) == "hidden_act";
  if (name == "gelu") return first_gemma ? Activation::gelu_new : Activation::gelu;
  if (name == "relu") return Activation::relu;
  throw UserError(concat(where, ": ", key, " '", name, "' is not supported"),
                  "known: silu, gelu, gelu_new, gelu_pytorch_tanh, relu", "use a checkpoint of a supported architecture");
}

BlockDescription block_of(const Json& json, const Architecture& architecture, const std::string& where) {
  auto block = architecture.block;
  block.activation = activation_of(json, architecture, where);
  const auto switched_on = [&](const char* key, bool allowed) { return allowed && bool_or(json, key, false, where); };
  if (architecture.attention_bias && block.output_bias)  // on where nothing else is said
    block.query_key_value_bias = block.output_bias = bool_or(json, "attention_bias", true, where);
  if (switched_on("attention_bias", architecture.attention_bias)) block.query_key_value_bias = block.output_bias = true;
  if (switched_on("mlp_bias", architecture.mlp_bias)) block.mlp_bias = true;
  if (architecture.storage == StorageLayout::gpt_neox)
    block.parallel_residual = bool_or(json, "use_parallel_residual", true, where);
  read_family_settings(json, architecture, block, where);
  return block;
}

/// ", by fp8"
std::string quantization_of(const Json& json) {
  const auto& settings = json.at("quantization_config");
  if (!settings.is_object() || !settings.contains("quant_method") || !settings["quant_method"].is_string()) return {};
  return concat(", by ", settings["quant_method"].get<std::string>());
}

/// Settings that would change what the model computes.
void refuse_unsupported(const Json& json, const Architecture& architecture, const std::string& where) {
  UNPACT_VALIDATE(!is_set(json, "quantization_config"), concat(where, ": quantization_config is not supported"),
                  concat("the weights are packed in fewer bits", quantization_of(json)),
                  "use the checkpoint in F32, F16 or BF16");
  if (architecture.storage == StorageLayout::opt) refuse_other_opt(json, where);
  for (const auto* key : architecture.refused)
    UNPACT_VALIDATE(!bool_or(json, key, false, where), concat(where, ": ", key, " is not supported"), "it is true",
                    "use a checkpoint without it");
  if (architecture.storage != StorageLayout::gpt2) return;
  for (const auto* key : {"add_cross_attention", "scale_attn_by_inverse_layer_idx"})
    UNPACT_VALIDATE(!bool_or(json, key, false, where), concat(where, ": ", key, " is not supported"), "it is true",
                    "use a plain GPT-2");
  UNPACT_VALIDATE(bool_or(json, "scale_attn_weights", true, where),
                  concat(where, ": scale_attn_weights = false is not supported"),
                  "scores are divided by sqrt(head size) here", "use a plain GPT-2");
}

void read_sizes(const Json& json, const Architecture& architecture, ModelConfig& config, const std::string& where) {
  const auto& keys = architecture.keys;
  config.vocabulary_size = size_field(json, "vocab_size", where);
  config.hidden_size = size_field(json, keys.hidden, where);
  config.intermediate_size = intermediate_size_of(json, config, architecture, where);
  config.layers = size_field(json, keys.layers, where, kMostLayers);
  config.heads = size_field(json, keys.heads, where);
  config.key_value_heads = key_value_heads_of(json, config, architecture, where);
  config.head_dim = head_dim_of(json, config, architecture, where);
  config.max_positions = size_field(json, keys.positions, where, kMostPositions);
}

/// How many channels of a head turn. Where it is not all: an even number of them.
void read_rotary_dim(const Json& json, const Architecture& architecture, ModelConfig& config, const std::string& where) {
  if (architecture.default_rotary_share == 0) return;
  const auto* key = architecture.keys.rotary_share;
  auto share = number_field(json, key, architecture.default_rotary_share, false, where);
  for (const char* settings : {"rope_parameters", "rope_scaling"})
    if (is_set(json, settings) && json.at(settings).is_object())
      share = number_field(json.at(settings), "partial_rotary_factor", share, false, where);
  const auto turned = static_cast<std::int64_t>(static_cast<double>(config.head_dim) * std::min(share, 1.0));
  UNPACT_VALIDATE(share <= 1 && turned > 0 && turned % 2 == 0,
                  concat(where, ": ", key, " ", share, " turns ", turned, " of a head's ", config.head_dim, " channels"),
                  "rotary positions rotate pairs, and no more channels than there are", "check config.json");
  config.rotary_dim = turned == config.head_dim ? 0 : turned;
}

/// Null where the model has no such id, but only if the file had the key.
void write_ids(const ModelConfig& config, Json& json) {
  const auto write = [&](const char* key, const Json& value) {
    if (!value.is_null() || json.contains(key)) json[key] = value;
  };
  write("bos_token_id", config.bos_id >= 0 ? Json(config.bos_id) : Json());
  write("eos_token_id", config.eos_ids.empty()       ? Json()
                        : config.eos_ids.size() == 1 ? Json(config.eos_ids.front())
                                                     : Json(config.eos_ids));
}

/// Null where the file's padding token, or the class's where it names none, has no row: transformers would refuse the model.
void write_padding(const ModelConfig& config, Json& json) {
  constexpr std::int64_t padding_of_phi3 = 32000;  // of Phi3Config; no other class has one beyond its first rows
  const Json usual = config.architecture == "phi3" ? Json(padding_of_phi3) : Json();
  const Json padding = json.value("pad_token_id", usual);
  if (padding.is_number_integer() && padding >= Json(config.vocabulary_size)) json["pad_token_id"] = nullptr;
}

void write_sizes(const ModelConfig& config, const Architecture& architecture, Json& json) {
  const auto& keys = architecture.keys;
  const auto width = config.intermediate_size / std::max<std::int64_t>(1, config.block.experts);
  const bool usual_head = config.head_dim * config.heads == config.hidden_size;
  json["vocab_size"] = config.vocabulary_size;
  json[keys.hidden] = config.hidden_size;
  if (!may_lack_width(architecture) || width != 4 * config.hidden_size || is_set(json, keys.intermediate))
    json[keys.intermediate] = width;
  json[keys.layers] = config.layers;
  json[keys.heads] = config.heads;
  if (architecture.has_key_value_heads) json["num_key_value_heads"] = config.key_value_heads;
  if (architecture.has_key_value_heads && (architecture.has_head_dim || !usual_head || is_set(json, "head_dim")))
    json["head_dim"] = config.head_dim;
  if (config.rope_scaling.type != "longrope" || !is_set(json, keys.positions)) json[keys.positions] = config.max_positions;
}

/// Where the file did not say it and it is not the default.
void write_rotary_share(const ModelConfig& config, const Architecture& architecture, Json& json) {
  const auto share = architecture.default_rotary_share, whole = static_cast<double>(config.head_dim);
  if (share == 0 || static_cast<std::int64_t>(whole * share) == config.turned_dim()) return;
  const auto* key = architecture.keys.rotary_share;
  bool said = is_set(json, key);
  for (const char* settings : {"rope_parameters", "rope_scaling"})
    said =
        said || (is_set(json, settings) && json[settings].is_object() && json[settings].contains("partial_rotary_factor"));
  if (!said) json[key] = static_cast<double>(config.turned_dim()) / whole;
}

/// As the file said it, where that means the same.
void write_activation(const ModelConfig& config, const Architecture& architecture, Json& json) {
  const auto* key = architecture.keys.activation;
  if (is_set(json, key) && activation_of(json, architecture, "config.json") == config.block.activation) return;
  json[key] = config.block.activation == Activation::silu   ? "silu"
              : config.block.activation == Activation::gelu ? "gelu"
              : config.block.activation == Activation::relu ? "relu"
                                                            : "gelu_new";
}

}  // namespace

std::int64_t ModelConfig::window_of(std::int64_t layer) const {
  return windows.empty() ? 0 : windows.at(static_cast<std::size_t>(layer));
}

double ModelConfig::query_factor() const {
  return block.query_scalar == 0 ? 1 : std::sqrt(static_cast<double>(head_dim) / block.query_scalar);
}

ModelConfig parse_model_config(std::string_view text, const std::string& where) {
  const auto json = parse_json(text, where);
  ModelConfig config;
  config.architecture = require_string(json, "model_type", where);
  const auto& architecture = architecture_of(config.architecture, where);
  refuse_unsupported(json, architecture, where);
  if (architecture.storage == StorageLayout::t5) return t5_config(json, where);
  read_sizes(json, architecture, config, where);
  config.block = block_of(json, architecture, where);
  config.intermediate_size *= std::max<std::int64_t>(1, config.block.experts);
  check_heads(config, architecture, where);
  read_rotary_dim(json, architecture, config, where);
  if (config.block.positions == PositionKind::rotary) read_rope(json, architecture, config, where);
  read_windows(json, architecture, config, where);
  config.norm_epsilon = architecture.default_epsilon;
  if (const auto* key = architecture.keys.epsilon; key != nullptr)
    config.norm_epsilon = number_field(json, key, config.norm_epsilon, true, where);
  config.initializer_range = number_field(json, architecture.keys.initializer, 0.02, true, where);
  config.tied_embeddings = bool_or(json, "tie_word_embeddings", architecture.tied_embeddings, where);
  UNPACT_VALIDATE(!config.tied_embeddings || !config.block.head_bias,
                  concat(where, ": tie_word_embeddings is not supported with model_type ", config.architecture),
                  "its head has a bias of its own", "use a checkpoint whose head is stored");
  config.bos_id = integer_or(json, "bos_token_id", -1, where);
  config.eos_ids = id_list(json, "eos_token_id", where);
  config.original = json;
  return config;
}

void parse_generation_config(std::string_view text, const std::string& where, ModelConfig& config) {
  auto json = parse_json(text, where);
  UNPACT_VALIDATE(json.is_object(), concat(where, " is not a JSON object"), "it maps names to settings",
                  "fetch that file again, or remove it");
  if (auto ids = id_list(json, "eos_token_id", where); !ids.empty()) config.eos_ids = std::move(ids);
  config.original_generation = std::move(json);
}

Json model_config_json(const ModelConfig& config, const std::string& dtype) {
  const auto& architecture = architecture_of(config.architecture, "this model");
  if (architecture.storage == StorageLayout::t5) return t5_config_json(config, dtype);
  Json json = config.original.is_object() ? config.original : Json::object();
  json["architectures"] = {architecture.transformers_class};
  json["model_type"] = config.architecture;
  write_sizes(config, architecture, json);
  write_activation(config, architecture, json);
  if (architecture.keys.epsilon != nullptr) json[architecture.keys.epsilon] = config.norm_epsilon;
  if (config.block.positions == PositionKind::rotary) write_rope(config, architecture, json);
  write_rotary_share(config, architecture, json);
  write_windows(config, architecture, json);
  if (architecture.attention_bias) json["attention_bias"] = config.block.output_bias;
  if (architecture.mlp_bias) json["mlp_bias"] = config.block.mlp_bias;
  write_family_settings(config.block, architecture, json);
  json[architecture.keys.initializer] = config.initializer_range;
  json["tie_word_embeddings"] = config.tied_embeddings;
  write_ids(config, json);
  write_padding(config, json);
  if (json.contains("dtype")) json["dtype"] = dtype;  // since transformers 5
  if (json.contains("torch_dtype") || !json.contains("dtype")) json["torch_dtype"] = dtype;
  return json;
}

namespace {

/// What transformers takes from config.json where a checkpoint has no generation_config.json.
Json generation_by_config(const ModelConfig& config) {
  Json json = {{"_from_model_config", true}};
  for (const char* key : {"pad_token_id", "decoder_start_token_id"})
    if (config.original.is_object() && config.original.contains(key)) json[key] = config.original[key];
  return json;
}

}  // namespace

Json generation_config_json(const ModelConfig& config) {
  Json json = config.original_generation.is_object() ? config.original_generation : generation_by_config(config);
  const Json bos = json.value("bos_token_id", Json());
  write_ids(config, json);
  const bool unchanged =
      config.original.is_object() && config.original.value("bos_token_id", Json(-1)) == Json(config.bos_id);
  if (unchanged && !bos.is_null()) json["bos_token_id"] = bos;  // it may be another than config.json's
  return json;
}

}  // namespace unpact
