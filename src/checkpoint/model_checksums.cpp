/// The checksums of a model: of its weights' files, and of what its configuration files decide.
#include <algorithm>
#include <vector>

#include "checksum_of_files.hpp"
#include "unpact/checkpoint/checkpoint.hpp"
#include "unpact/checkpoint/checkpoint_reader.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/json.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

std::string checksum_of_one(const fs::path& folder) {
  std::vector<FileChecksum> files;
  for (const auto& file : weight_files(folder)) files.push_back({file.filename().string(), sha256_of_file(file)});
  return checksum_of_files(files);
}

template <class Enumeration>
int number(Enumeration value) {
  return static_cast<int>(value);
}

// A field that is added to these structs does not compile until it is taken in here.
Json values_of(const BlockDescription& block) {
  const auto& [norm, mlp, activation, positions, qkv_bias, output_bias, mlp_bias, query_key_norm, small_init, parallel,
               shared_norm, norm_place, norm_plus_one, scaled_embedding, head_bias, no_final_norm, score_cap, logit_cap,
               query_scalar, local_theta, position_offset, experts, experts_per_token] = block;
  const bool each = query_key_norm == HeadNorm::each;
  Json values = {number(norm), number(mlp), number(activation), number(positions), qkv_bias, output_bias,
                 mlp_bias,     each,        small_init};
  // What came later counts where it is on: the checksums of other models stay what they were.
  const Json later = {query_key_norm == HeadNorm::whole,
                      parallel,
                      shared_norm,
                      norm_place == NormPlace::after,
                      norm_plus_one,
                      scaled_embedding,
                      head_bias};
  if (std::find(later.begin(), later.end(), Json(true)) != later.end()) values.push_back(later);
  const std::vector<double> latest = {static_cast<double>(number(norm_place)),
                                      no_final_norm ? 1.0 : 0.0,
                                      score_cap,
                                      logit_cap,
                                      query_scalar,
                                      local_theta,
                                      static_cast<double>(position_offset),
                                      static_cast<double>(experts),
                                      static_cast<double>(experts_per_token)};
  const bool olmo2 = norm_place == NormPlace::after;  // counted above
  if (std::any_of(latest.begin() + (olmo2 ? 1 : 0), latest.end(), [](double value) { return value != 0; }))
    values.push_back(latest);
  return values;
}

Json values_of(const RopeScaling& rope) {
  const auto& [type, factor, low, high, original_positions, divisors, attention_factor] = rope;
  Json values = {type, factor, low, high, original_positions};
  if (divisors.empty()) return values;
  Json later = Json::array();
  later.push_back(divisors);
  later.push_back(attention_factor);
  values.push_back(std::move(later));
  return values;
}

}  // namespace

std::string checksum_of_files(const std::vector<FileChecksum>& files) {
  if (files.size() == 1) return files.front().sha256;
  std::string lines;
  for (const auto& file : files) lines += concat(file.sha256, "  ", file.name, "\n");
  return sha256_of_bytes(lines);
}

std::string weights_checksum(const fs::path& folder) {
  const auto first = checksum_of_one(folder);
  const auto scale = contrast_scale_of(folder);
  return scale ? joint_weights_checksum(first, checksum_of_one(folder / kReinforcedFolder), *scale) : first;
}

std::string joint_weights_checksum(const std::string& first, const std::string& second, double scale) {
  return sha256_of_bytes(concat(first, " ", second, " ", scale));
}

std::string config_checksum(const ModelConfig& config) {
  const auto& [architecture, vocabulary_size, hidden_size, intermediate_size, layers, heads, key_value_heads, head_dim,
               max_positions, norm_epsilon, rope_theta, initializer_range, tied_embeddings, bos_id, eos_ids, block,
               rope_scaling, windows, rotary_dim, encoder, adapters, original, original_generation] = config;
  static_cast<void>(adapters);                                          // those of a training: no file has any
  static_cast<void>(original), static_cast<void>(original_generation);  // what decides anything is in the other fields
  Json values = {architecture,
                 vocabulary_size,
                 hidden_size,
                 intermediate_size,
                 layers,
                 heads,
                 key_value_heads,
                 head_dim,
                 max_positions,
                 norm_epsilon,
                 rope_theta,
                 initializer_range,
                 tied_embeddings,
                 bos_id,
                 Json(eos_ids),
                 values_of(block),
                 values_of(rope_scaling),
                 Json(windows)};
  if (rotary_dim != 0) values.push_back(rotary_dim);
  const auto& [encoder_layers, buckets, max_distance, start_id, scaled_output] = encoder;
  if (encoder.any()) values.push_back({encoder_layers, buckets, max_distance, start_id, scaled_output});
  return sha256_of_bytes(values.dump());
}

}  // namespace unpact
