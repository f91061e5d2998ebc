#include "../../src/text/bpe_tokenizer.hpp"  // private to the layer
#include "tokenizer_checks.hpp"

/// A tokenizer.json, a text and a tokenizer_config.json.
UNPACT_FUZZ_TARGET(tokenizer_json) {
  using namespace unpact;
  const auto parts = fuzzing::make_parts(input, 3);
  TokenizerConfig config;
  if (!parts[2].empty()) add_tokenizer_config(parts[2], "tokenizer_config.json", config);
  const BpeTokenizer tokenizer(tokenizer_json_parts(parts[0], "tokenizer.json"), config);
  tokenizer.describe();
  tokenizer.special_tokens();
  fuzzing::check_tokenizer(tokenizer, parts[1]);
}
