#pragma once
/// config.json of small models of every family, to change a field in.
#include <string>

#include "core/temporary_folder.hpp"
#include "unpact/checkpoint/config.hpp"
#include "unpact/core/error.hpp"

namespace unpact::testing_support {

inline Json plain(const std::string& type) {
  if (type == "gpt2")
    return Json{{"model_type", "gpt2"}, {"vocab_size", 50}, {"n_embd", 12},
                {"n_layer", 2},         {"n_head", 3},      {"n_positions", 64}};
  return Json{
      {"model_type", type},     {"vocab_size", 50},         {"hidden_size", 24},        {"intermediate_size", 40},
      {"num_hidden_layers", 4}, {"num_attention_heads", 4}, {"num_key_value_heads", 2}, {"max_position_embeddings", 512}};
}

inline ModelConfig read_architecture(const Json& json) {
  const TemporaryFolder folder;
  folder.write("config.json", json.dump());
  return read_model_config(folder.path());
}

inline ModelConfig with(const std::string& type, const Json& more) {
  auto json = plain(type);
  json.update(more);
  return read_architecture(json);
}

inline std::string refusal_of_type(const std::string& type, const Json& more) {
  return message_of<UserError>([&] { with(type, more); });
}

/// Heads of eight channels.
inline ModelConfig wide(const std::string& type, Json more) {
  more["hidden_size"] = 32;
  return with(type, more);
}

inline std::string refusal_of_wide(const std::string& type, const Json& more) {
  return message_of<UserError>([&] { wide(type, more); });
}

inline Json of_opt(Json more) {
  more["ffn_dim"] = 40;
  return more;
}

}  // namespace unpact::testing_support
