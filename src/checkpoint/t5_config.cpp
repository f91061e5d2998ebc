#include "t5_config.hpp"

#include "config_fields.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

/// "relu", or "gated-gelu": of v1.1 and FLAN-T5, which means the tanh form.
void read_mlp(const Json& json, ModelConfig& config, const std::string& where) {
  auto name = string_or(json, "feed_forward_proj", "relu", where);
  auto& block = config.block;
  const bool gated = name.starts_with("gated-");
  block.mlp = gated ? MlpKind::gated : MlpKind::plain;
  if (gated) name = name.substr(6);
  if (name == "relu") block.activation = Activation::relu;
  else if (name == "silu" || name == "swish") block.activation = Activation::silu;
  else if (name == "gelu_new" || (gated && name == "gelu")) block.activation = Activation::gelu_new;
  else if (name == "gelu") block.activation = Activation::gelu;
  else
    throw UserError(concat(where, ": feed_forward_proj '", name, "' is not supported"),
                    "known: relu, gelu, gelu_new, silu, each also behind 'gated-'",
                    "use a checkpoint of a supported architecture");
}

const char* name_of(Activation activation, bool gated) {
  if (activation == Activation::relu) return "relu";
  if (activation == Activation::silu) return "silu";
  return activation == Activation::gelu_new && !gated ? "gelu_new" : "gelu";
}

std::string mlp_name(const BlockDescription& block) {
  const bool gated = block.mlp == MlpKind::gated;
  return concat(gated ? "gated-" : "", name_of(block.activation, gated));
}

std::int64_t count_or(const Json& json, const char* key, std::int64_t fallback, const std::string& where,
                      std::int64_t most) {
  return is_set(json, key) ? size_field(json, key, where, most) : fallback;
}

void read_encoder(const Json& json, ModelConfig& config, const std::string& where) {
  auto& encoder = config.encoder;
  encoder.layers = size_field(json, "num_layers", where, kMostLayers);
  encoder.buckets = count_or(json, "relative_attention_num_buckets", 32, where, kLargestSize);
  encoder.max_distance = count_or(json, "relative_attention_max_distance", 128, where, kLargestSize);
  UNPACT_VALIDATE(encoder.buckets % 4 == 0 && encoder.max_distance > encoder.buckets / 2,
                  concat(where, ": relative_attention_num_buckets ", encoder.buckets,
                         " and relative_attention_max_distance ", encoder.max_distance, " do not fit together"),
                  "half of the buckets are for single distances, on either side", "check config.json");
  encoder.start_id = integer_or(json, "decoder_start_token_id", integer_or(json, "pad_token_id", 0, where), where);
  UNPACT_VALIDATE(encoder.start_id >= 0 && encoder.start_id < config.vocabulary_size,
                  concat(where, ": decoder_start_token_id ", encoder.start_id, " is outside the vocabulary"),
                  "the decoder begins with it", "check config.json");
  // v1.1 says tie_word_embeddings = false and means both; transformers 5 keeps the two apart.
  encoder.scaled_output = bool_or(json, "scale_decoder_outputs", config.tied_embeddings, where);
}

}  // namespace

ModelConfig t5_config(const Json& json, const std::string& where) {
  ModelConfig config;
  config.architecture = "t5";
  config.block = architecture_of("t5", where).block;
  config.vocabulary_size = size_field(json, "vocab_size", where);
  config.hidden_size = size_field(json, "d_model", where);
  config.intermediate_size = size_field(json, "d_ff", where);
  config.layers = is_set(json, "num_decoder_layers") ? size_field(json, "num_decoder_layers", where, kMostLayers)
                                                     : size_field(json, "num_layers", where, kMostLayers);
  config.heads = config.key_value_heads = size_field(json, "num_heads", where);
  config.head_dim = count_or(json, "d_kv", 64, where, kLargestSize / config.heads);
  config.max_positions = kMostPositions;  // distances beyond max_distance share a bucket
  read_mlp(json, config, where);
  config.norm_epsilon = number_field(json, "layer_norm_epsilon", 1e-6, true, where);
  config.initializer_range = 0.05;
  config.tied_embeddings = bool_or(json, "tie_word_embeddings", true, where);
  read_encoder(json, config, where);
  config.eos_ids = json.contains("eos_token_id") ? id_list(json, "eos_token_id", where) : std::vector<std::int64_t>{1};
  config.original = json;
  return config;
}

Json t5_config_json(const ModelConfig& config, const std::string& dtype) {
  Json json = config.original.is_object() ? config.original : Json::object();
  json["architectures"] = {architecture_of("t5", "this model").transformers_class};
  json["model_type"] = "t5";
  json["is_encoder_decoder"] = true;
  json["vocab_size"] = config.vocabulary_size;
  json["d_model"] = config.hidden_size;
  json["d_ff"] = config.intermediate_size;
  json["d_kv"] = config.head_dim;
  json["num_layers"] = config.encoder.layers;
  json["num_decoder_layers"] = config.layers;
  json["num_heads"] = config.heads;
  json["feed_forward_proj"] = mlp_name(config.block);
  json["layer_norm_epsilon"] = config.norm_epsilon;
  json["relative_attention_num_buckets"] = config.encoder.buckets;
  json["relative_attention_max_distance"] = config.encoder.max_distance;
  json["decoder_start_token_id"] = config.encoder.start_id;
  json["tie_word_embeddings"] = config.tied_embeddings;
  json["scale_decoder_outputs"] = config.encoder.scaled_output;
  if (config.eos_ids.size() == 1) json["eos_token_id"] = config.eos_ids.front();
  else json["eos_token_id"] = config.eos_ids;
  if (json.contains("dtype")) json["dtype"] = dtype;
  if (json.contains("torch_dtype") || !json.contains("dtype")) json["torch_dtype"] = dtype;
  return json;
}

}  // namespace unpact
