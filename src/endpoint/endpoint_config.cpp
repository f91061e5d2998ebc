#include <algorithm>
#include <vector>

#include "unpact/core/atomic_file.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/json.hpp"
#include "unpact/endpoint/endpoint_model.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

/// A number of ids that a config.json may name in several ways; 0: in none.
std::int64_t integer_among(const Json& json, const std::vector<std::string>& keys, const std::string& where) {
  for (const auto& key : keys)
    if (json.contains(key) && json[key].is_number_integer()) {
      const auto value = json[key].get<std::int64_t>();
      UNPACT_VALIDATE(value > 0 && value < (std::int64_t{1} << 40), concat(where, ": '", key, "' is ", value),
                      "it counts tokens", "put the model's own config.json there");
      return value;
    }
  return 0;
}

std::vector<std::int64_t> ids_in(const Json& json, const std::string& key) {
  std::vector<std::int64_t> ids;
  if (!json.contains(key)) return ids;
  for (const auto& one : json[key].is_array() ? json[key] : Json::array({json[key]}))
    if (one.is_number_integer() && one.get<std::int64_t>() >= 0) ids.push_back(one.get<std::int64_t>());
  return ids;
}

/// What a config.json of any architecture says of ids.
void take_config(const fs::path& file, ModelConfig& config) {
  auto json = read_json_file(file);
  UNPACT_VALIDATE(json.is_object(), concat("cannot read ", file.string()), "it is no object", "put the model's own there");
  if (json.contains("text_config") && json["text_config"].is_object()) json.update(Json(json["text_config"]));
  config.vocabulary_size = std::max(config.vocabulary_size, integer_among(json, {"vocab_size"}, file.string()));
  config.max_positions = integer_among(json, {"max_position_embeddings", "n_positions", "max_seq_len"}, file.string());
  const auto bos = ids_in(json, "bos_token_id");
  if (!bos.empty()) config.bos_id = bos.front();
  const auto ends = ids_in(json, "eos_token_id");
  if (!ends.empty()) config.eos_ids = ends;
}

}  // namespace

ModelConfig config_of_endpoint(const fs::path& folder, const Tokenizer& tokenizer, const EndpointFacts& facts,
                               const EndpointOptions& options) {
  ModelConfig config;
  config.vocabulary_size = tokenizer.vocabulary_size();
  config.bos_id = tokenizer.bos_id().value_or(-1);
  if (tokenizer.eos_id()) config.eos_ids = {*tokenizer.eos_id()};
  if (const auto file = folder / "config.json"; fs::exists(file)) take_config(file, config);
  if (const auto file = folder / "generation_config.json"; fs::exists(file))
    parse_generation_config(read_file(file), file.string(), config);
  std::vector<std::int64_t> named;
  for (const auto length :
       {config.max_positions, facts.context - 1, options.context})  // it writes one id behind what it scores
    if (length > 0) named.push_back(length);
  UNPACT_VALIDATE(!named.empty(), "nobody says how long a sequence the endpoint takes",
                  concat("neither it nor a config.json in ", folder.string(), " names a context"), "set endpoint.context");
  config.max_positions = *std::min_element(named.begin(), named.end());
  return config;
}

std::string config_checksum_of_endpoint(const ModelConfig& config) {
  const Json parts = {
      {"endpoint", true}, {"vocabulary_size", config.vocabulary_size}, {"bos", config.bos_id}, {"eos", config.eos_ids}};
  return sha256_of_bytes(parts.dump());
}

}  // namespace unpact
