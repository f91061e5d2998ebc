#include "../../src/text/special_tokens.hpp"  // private to the layer
#include "fuzz_target.hpp"

/// tokenizer_config.json and special_tokens_map.json.
UNPACT_FUZZ_TARGET(tokenizer_config) {
  using namespace unpact;
  const auto parts = fuzzing::make_parts(input, 2);
  TokenizerConfig config;
  add_tokenizer_config(parts[0], "tokenizer_config.json", config);
  if (!parts[1].empty()) add_tokenizer_config(parts[1], "special_tokens_map.json", config);
  UNPACT_FUZZ_REQUIRE(config.exists);
  for (const auto& token : config.added) UNPACT_FUZZ_REQUIRE(token.id >= 0 && is_valid_utf8(token.content));
  const AddedTokens added(config.added, nullptr, "tokenizer_config.json");
  added.split(parts[0], false);
}
