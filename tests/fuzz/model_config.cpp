#include "unpact/checkpoint/config.hpp"

#include <tuple>

#include "fuzz_target.hpp"

/// config.json, and behind `===` a generation_config.json. What is written of an accepted one must read back the same.
UNPACT_FUZZ_TARGET(model_config) {
  using namespace unpact;
  const auto parts = fuzzing::make_parts(input, 2);
  auto config = parse_model_config(parts[0], "config.json");
  if (!parts[1].empty()) parse_generation_config(parts[1], "generation_config.json", config);
  UNPACT_FUZZ_REQUIRE(config.layers > 0 && config.heads > 0 && config.key_value_heads > 0 && config.head_dim > 0);
  UNPACT_FUZZ_REQUIRE(config.heads % config.key_value_heads == 0);
  UNPACT_FUZZ_REQUIRE(config.windows.empty() || config.windows.size() == static_cast<std::size_t>(config.layers));
  for (std::int64_t layer = 0; layer < config.layers; ++layer) UNPACT_FUZZ_REQUIRE(config.window_of(layer) >= 0);

  const auto written = model_config_json(config, "float32");
  auto again = parse_model_config(written.dump(), "written config.json");
  parse_generation_config(generation_config_json(config).dump(), "written generation_config.json", again);
  const auto same = [&](auto member) { return config.*member == again.*member; };
  UNPACT_FUZZ_REQUIRE(same(&ModelConfig::architecture) && same(&ModelConfig::vocabulary_size));
  UNPACT_FUZZ_REQUIRE(same(&ModelConfig::hidden_size) && same(&ModelConfig::intermediate_size));
  UNPACT_FUZZ_REQUIRE(same(&ModelConfig::layers) && same(&ModelConfig::heads));
  UNPACT_FUZZ_REQUIRE(same(&ModelConfig::key_value_heads) && same(&ModelConfig::head_dim));
  UNPACT_FUZZ_REQUIRE(same(&ModelConfig::max_positions) && same(&ModelConfig::norm_epsilon));
  UNPACT_FUZZ_REQUIRE(same(&ModelConfig::rope_theta) && same(&ModelConfig::rope_scaling));
  UNPACT_FUZZ_REQUIRE(same(&ModelConfig::tied_embeddings) && same(&ModelConfig::bos_id));
  UNPACT_FUZZ_REQUIRE(same(&ModelConfig::eos_ids) && same(&ModelConfig::windows));
  UNPACT_FUZZ_REQUIRE(same(&ModelConfig::rotary_dim) && same(&ModelConfig::block));
  const auto encoder_of = [](const ModelConfig& c) {
    return std::tie(c.encoder.layers, c.encoder.buckets, c.encoder.max_distance, c.encoder.start_id,
                    c.encoder.scaled_output);
  };
  UNPACT_FUZZ_REQUIRE(encoder_of(config) == encoder_of(again));
  UNPACT_FUZZ_REQUIRE(model_config_json(again, "float32") == written);
}
