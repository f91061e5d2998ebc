// What config.json says about rope, in every spelling.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <tuple>

#include "checkpoint/small_configs.hpp"
#include "unpact/checkpoint/config.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing_support::refusal_of_type;
using testing_support::refusal_of_wide;
using testing_support::wide;
using testing_support::with;

TEST(RopeConfig, ReadsLlama3InEverySpelling) {
  const Json scaling = {{"rope_type", "llama3"},
                        {"factor", 8.0},
                        {"low_freq_factor", 1.0},
                        {"high_freq_factor", 4.0},
                        {"original_max_position_embeddings", 128}};
  auto older = scaling, newer = scaling;
  older.erase("rope_type");
  older["type"] = "llama3";
  newer["rope_theta"] = 5e5;
  const RopeScaling expected = {"llama3", 8.0, 1.0, 4.0, 128};
  for (const auto& json : {Json{{"rope_theta", 5e5}, {"rope_scaling", scaling}},
                           Json{{"rope_theta", 5e5}, {"rope_scaling", older}}, Json{{"rope_parameters", newer}}}) {
    const auto config = with("llama", json);
    EXPECT_EQ(config.rope_scaling, expected) << json;
    EXPECT_EQ(config.rope_theta, 5e5) << json;
  }
}

TEST(RopeConfig, TheContextOfPretrainingHasTransformersPrecedence) {
  Json scaling = {{"rope_type", "llama3"}, {"factor", 8.0}, {"low_freq_factor", 1.0}, {"high_freq_factor", 4.0}};
  EXPECT_EQ(with("llama", {{"rope_scaling", scaling}}).rope_scaling.original_positions, 512);
  scaling["original_max_position_embeddings"] = 64;
  EXPECT_EQ(with("llama", {{"rope_scaling", scaling}}).rope_scaling.original_positions, 64);
  EXPECT_EQ(
      with("llama", {{"rope_scaling", scaling}, {"original_max_position_embeddings", 32}}).rope_scaling.original_positions,
      32);
}

TEST(RopeConfig, ScalingWinsOverParameters) {
  const auto config = with("llama", {{"rope_scaling", {{"type", "linear"}, {"factor", 2.0}}},
                                     {"rope_theta", 77.0},
                                     {"rope_parameters", {{"rope_type", "default"}, {"rope_theta", 5.0}}}});
  EXPECT_EQ(config.rope_scaling.type, "linear");
  EXPECT_EQ(config.rope_theta, 77.0);
}

TEST(RopeConfig, NoneIsNullEmptyOrDefault) {
  for (const Json& value : {Json(nullptr), Json(Json::object()), Json{{"rope_type", "default"}}, Json{{"type", "default"}}})
    EXPECT_EQ(with("llama", {{"rope_scaling", value}}).rope_scaling, RopeScaling{}) << value;
}

TEST(RopeConfig, RefusesByName) {
  const auto scaling = [](const Json& value) { return refusal_of_type("llama", {{"rope_scaling", value}}); };
  for (const auto* type : {"dynamic", "yarn", "longrope", "su", "none"})
    EXPECT_THAT(scaling({{"rope_type", type}, {"factor", 2.0}}), HasSubstr(concat("rope_type '", type, "'")));
  EXPECT_THAT(scaling({{"rope_type", "linear"}}), HasSubstr("'factor' is missing"));
  EXPECT_THAT(scaling({{"rope_type", "linear"}, {"factor", 0}}), HasSubstr("'factor' is 0"));
  EXPECT_THAT(scaling({{"rope_type", "linear"}, {"factor", "2"}}), HasSubstr("factor"));
  EXPECT_THAT(scaling({{"rope_type", 3}}), HasSubstr("rope_type"));
  EXPECT_THAT(scaling(Json::array()), HasSubstr("rope_scaling"));
  EXPECT_THAT(scaling({{"rope_type", "llama3"}, {"factor", 8.0}, {"low_freq_factor", 4.0}, {"high_freq_factor", 4.0}}),
              AllOf(HasSubstr("high_freq_factor"), HasSubstr("low_freq_factor")));
  EXPECT_THAT(scaling({{"rope_type", "default"}, {"partial_rotary_factor", 0.5}}), HasSubstr("partial_rotary_factor"));
}

TEST(RopeConfig, HeadsMayTurnInPart) {
  const auto share = [](const char* type, const Json& fields) { return wide(type, fields).turned_dim(); };
  const auto whole = wide("phi", {{"partial_rotary_factor", 1.0}}).head_dim;
  EXPECT_EQ(share("phi", Json::object()), whole / 2);
  EXPECT_EQ(share("phi", {{"rope_parameters", {{"partial_rotary_factor", 1.0}}}}), whole);
  EXPECT_EQ(share("gpt_neox", {{"rotary_pct", 0.5}}), whole / 2);
  EXPECT_EQ(wide("gpt_neox", {{"rotary_emb_base", 500.0}}).rope_theta, 500.0);
  EXPECT_EQ(share("phi3", Json::object()), whole);
  EXPECT_THAT(refusal_of_wide("phi", {{"partial_rotary_factor", 1.5}}), HasSubstr("partial_rotary_factor"));
  EXPECT_THAT(refusal_of_wide("phi", {{"partial_rotary_factor", 0.01}}), HasSubstr("partial_rotary_factor"));
}

TEST(RopeConfig, LongropeHoldsWithinTheContextOfPretraining) {
  const auto pairs = static_cast<std::size_t>(wide("phi3", Json::object()).head_dim / 2);
  const Json factors(std::vector<double>(pairs, 1.5));
  Json fields = {{"max_position_embeddings", 1024},
                 {"original_max_position_embeddings", 256},
                 {"rope_scaling", {{"type", "su"}, {"short_factor", factors}, {"long_factor", factors}}}};
  const auto config = wide("phi3", fields);
  EXPECT_EQ(config.max_positions, 256);
  EXPECT_EQ(config.rope_scaling.divisors, std::vector<double>(pairs, 1.5));
  EXPECT_NEAR(config.rope_scaling.attention_factor, std::sqrt(1 + std::log(4.0) / std::log(256.0)), 1e-12);
  const auto written = model_config_json(config, "float32");
  EXPECT_EQ(written["max_position_embeddings"], 1024);
  EXPECT_EQ(written["rope_scaling"], fields["rope_scaling"]);
  fields["rope_scaling"]["short_factor"] = {1.0};
  EXPECT_THAT(refusal_of_wide("phi3", fields), HasSubstr("short_factor"));
  fields["rope_scaling"]["short_factor"] = factors;
  fields["rope_scaling"]["long_factor"][0] = 0;
  EXPECT_THAT(refusal_of_wide("phi3", fields), HasSubstr("long_factor"));
}

TEST(RopeConfig, TwoOfGemma3InEverySpelling) {
  const Json linear = {{"rope_type", "linear"}, {"factor", 8.0}};
  auto older = linear, whole = linear;
  older.erase("rope_type");
  older["type"] = "linear";
  whole["rope_theta"] = 5e5;
  const Json local = {{"rope_type", "default"}, {"rope_theta", 5e3}};
  for (const auto& json : {Json{{"rope_theta", 5e5}, {"rope_local_base_freq", 5e3}, {"rope_scaling", linear}},
                           Json{{"rope_theta", 5e5}, {"rope_local_base_freq", 5e3}, {"rope_scaling", older}},
                           Json{{"rope_parameters", {{"full_attention", whole}, {"sliding_attention", local}}}}}) {
    const auto config = wide("gemma3_text", json);
    EXPECT_EQ(std::tuple(config.rope_theta, config.block.local_theta), std::tuple(5e5, 5e3)) << json;
    EXPECT_EQ(std::tuple(config.rope_scaling.type, config.rope_scaling.factor), std::tuple("linear", 8.0)) << json;
  }
  const auto usual = wide("gemma3_text", Json::object());
  EXPECT_EQ(std::tuple(usual.rope_theta, usual.block.local_theta, usual.rope_scaling.type), std::tuple(1e6, 1e4, "default"));
  const Json stretched = {{"rope_type", "linear"}, {"factor", 2.0}};
  EXPECT_THAT(refusal_of_wide("gemma3_text", {{"rope_parameters", {{"sliding_attention", stretched}}}}),
              HasSubstr("sliding_attention"));
}

}  // namespace
}  // namespace unpact
