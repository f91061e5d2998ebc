#include "family_settings.hpp"

#include <cmath>
#include <cstdint>

#include "config_fields.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

constexpr std::int64_t kMostExperts = 1 << 12;
constexpr const char *kScoreCap = "attn_logit_softcapping", *kLogitCap = "final_logit_softcapping",
                     *kQueryScalar = "query_pre_attn_scalar", *kExperts = "num_local_experts",
                     *kExpertsPerToken = "num_experts_per_tok";

/// 0 where the key is null.
double cap_of(const Json& json, const char* key, double fallback, const std::string& where) {
  if (is_set(json, key)) return number_field(json, key, 0, false, where);
  return json.contains(key) ? 0 : fallback;
}

void read_norms_of_opt(const Json& json, BlockDescription& block, const std::string& where) {
  block.query_key_value_bias = block.output_bias = block.mlp_bias = bool_or(json, "enable_bias", true, where);
  const bool before = bool_or(json, "do_layer_norm_before", true, where);
  block.norm_place = before ? NormPlace::before : NormPlace::of_sum;
  block.no_final_norm = !before || bool_or(json, "_remove_final_layer_norm", false, where);
}

void read_experts(const Json& json, BlockDescription& block, const std::string& where) {
  if (is_set(json, kExperts)) block.experts = size_field(json, kExperts, where, kMostExperts);
  if (is_set(json, kExpertsPerToken)) block.experts_per_token = size_field(json, kExpertsPerToken, where, kMostExperts);
  UNPACT_VALIDATE(block.experts_per_token <= block.experts,
                  concat(where, ": ", kExpertsPerToken, " is ", block.experts_per_token),
                  concat("there are ", block.experts, " experts (", kExperts, ")"), "check config.json");
}

/// Integers stay integers: transformers checks types.
void write_number(double value, const char* key, Json& json) {
  if (is_set(json, key) && json[key].is_number() && json[key].get<double>() == value) return;
  json[key] = value == std::floor(value) ? Json(static_cast<std::int64_t>(value)) : Json(value);
}

void write_cap(double cap, const char* key, Json& json) {
  if (cap == 0 || !is_set(json, key) || json[key] != Json(cap)) json[key] = cap > 0 ? Json(cap) : Json(nullptr);
}

}  // namespace

void read_family_settings(const Json& json, const Architecture& architecture, BlockDescription& block,
                          const std::string& where) {
  if (architecture.has_query_scalar) block.query_scalar = number_field(json, kQueryScalar, block.query_scalar, false, where);
  if (architecture.has_caps) {
    block.score_cap = cap_of(json, kScoreCap, block.score_cap, where);
    block.logit_cap = cap_of(json, kLogitCap, block.logit_cap, where);
    UNPACT_VALIDATE(block.score_cap == 0 || block.local_theta == 0, concat(where, ": ", kScoreCap, " is not supported"),
                    "transformers does not heed it in this model_type, whose own code has none",
                    "use a checkpoint without it");
  }
  if (architecture.storage == StorageLayout::opt) read_norms_of_opt(json, block, where);
  if (block.experts > 0) read_experts(json, block, where);
}

void refuse_other_opt(const Json& json, const std::string& where) {
  const auto* width = "word_embed_proj_dim";
  UNPACT_VALIDATE(!is_set(json, width) || json.at(width) == json.value("hidden_size", Json()),
                  concat(where, ": ", width, " ", json.at(width).dump(-1, ' ', true, Json::error_handler_t::replace),
                         " is not supported"),
                  "its embedding is projected to the hidden size, and the last hidden state back (project_in, project_out)",
                  "use an OPT whose embedding is as wide as its blocks: all but OPT-350m are");
  const auto* affine = "layer_norm_elementwise_affine";
  UNPACT_VALIDATE(bool_or(json, affine, true, where), concat(where, ": ", affine, " = false is not supported"),
                  "norms have weights here", "use a checkpoint of a supported architecture");
}

void write_family_settings(const BlockDescription& block, const Architecture& architecture, Json& json) {
  if (architecture.has_query_scalar) write_number(block.query_scalar, kQueryScalar, json);
  if (architecture.has_caps) {
    write_cap(block.score_cap, kScoreCap, json);
    write_cap(block.logit_cap, kLogitCap, json);
  }
  if (architecture.storage == StorageLayout::opt) {
    const bool before = block.norm_place == NormPlace::before;
    json["enable_bias"] = block.output_bias;
    json["do_layer_norm_before"] = before;
    if (before && (block.no_final_norm || json.contains("_remove_final_layer_norm")))
      json["_remove_final_layer_norm"] = block.no_final_norm;
  }
  if (block.experts > 0) {
    json[kExperts] = block.experts;
    json[kExpertsPerToken] = block.experts_per_token;
  }
}

}  // namespace unpact
