#pragma once
/// A model's shape, read from a Hugging Face config.json and checked before anything is allocated.
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "unpact/checkpoint/adapter_shape.hpp"
#include "unpact/core/json.hpp"
#include "unpact/checkpoint/architecture.hpp"

namespace unpact {

/// How rotary frequencies are stretched for contexts longer than those of pretraining.
struct RopeScaling {
  std::string type = "default";            ///< default (none), linear, llama3 or longrope
  double factor = 1.0;                     ///< linear, llama3
  double low_frequency_factor = 1.0;       ///< llama3
  double high_frequency_factor = 4.0;      ///< llama3
  std::int64_t original_positions = 8192;  ///< llama3, longrope: context of pretraining
  std::vector<double> divisors = {};       ///< longrope: of each frequency, within that context
  double attention_factor = 1.0;           ///< longrope: of cosines and sines

  bool operator==(const RopeScaling&) const = default;
};

/// What an encoder-decoder model has beside its decoder, which the rest of the config describes.
struct EncoderShape {
  std::int64_t layers = 0;                        ///< 0: there is no encoder
  std::int64_t buckets = 32, max_distance = 128;  ///< of relative positions, on both sides
  std::int64_t start_id = 0;                      ///< what the decoder begins with
  bool scaled_output = true;                      ///< the head reads states divided by sqrt(hidden size)

  bool any() const { return layers > 0; }
};

struct ModelConfig {
  std::string architecture = "llama";  ///< config.json's model_type
  std::int64_t vocabulary_size = 0, hidden_size = 0;
  std::int64_t intermediate_size = 0;  ///< of all experts together, where there are several
  std::int64_t layers = 0, heads = 0, key_value_heads = 0, head_dim = 0;
  std::int64_t max_positions = 0;  ///< with longrope those of pretraining: beyond them every frequency would change
  double norm_epsilon = 1e-6, rope_theta = 10000.0, initializer_range = 0.02;
  bool tied_embeddings = false;
  std::int64_t bos_id = -1;           ///< -1: none
  std::vector<std::int64_t> eos_ids;  ///< of generation_config.json where present, else of config.json

  BlockDescription block;
  RopeScaling rope_scaling;
  /// For each block, how many positions its tokens look back, themselves included; 0: all. Empty: all, everywhere.
  std::vector<std::int64_t> windows;
  std::int64_t rotary_dim = 0;  ///< channels of a head that turn, its first ones; 0: all

  EncoderShape encoder;
  /// Only while a training with adapters runs: no file has them in its config.
  AdapterShape adapters;

  /// The files as they were read, so that what is not understood here is not lost on saving; null: none.
  Json original, original_generation;

  std::int64_t window_of(std::int64_t layer) const;
  /// Whether a block's rope has the base block.local_theta, unstretched.
  bool turns_locally(std::int64_t layer) const { return block.local_theta > 0 && window_of(layer) > 0; }
  /// What queries are multiplied by, so that dividing scores by the root of head_dim gives the model's scores.
  double query_factor() const;
  /// Channels of a final hidden state and columns of the output head: one more than hidden_size, a 1 and the bias, where the
  /// head has a bias.
  std::int64_t head_width() const { return hidden_size + (block.head_bias ? 1 : 0); }
  std::int64_t turned_dim() const { return rotary_dim == 0 ? head_dim : rotary_dim; }

  /// Number of weights, a tied head counted once.
  std::int64_t parameter_count() const;
};

/// Reads `folder`/config.json (and generation_config.json for the stop ids).
/// @throws UserError naming the key, for a missing file, an unknown architecture, activation or rope type, or sizes
/// that do not fit together.
ModelConfig read_model_config(const std::filesystem::path& folder);

/// The same from the text of a config.json; `where` names it in messages.
ModelConfig parse_model_config(std::string_view text, const std::string& where);
/// Takes the stop ids from the text of a generation_config.json, and keeps its settings.
void parse_generation_config(std::string_view text, const std::string& where, ModelConfig& config);

/// The config.json that describes this model to transformers, with the fields of `original` that are not ours.
/// @param dtype of the weights: "float32", "bfloat16" or "float16".
Json model_config_json(const ModelConfig& config, const std::string& dtype);

/// The generation_config.json: the original's settings with this config's BOS and stop ids.
Json generation_config_json(const ModelConfig& config);

}  // namespace unpact
