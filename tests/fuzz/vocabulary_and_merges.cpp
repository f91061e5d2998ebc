#include "../../src/text/bpe_tokenizer.hpp"  // private to the layer
#include "tokenizer_checks.hpp"

/// vocab.json, merges.txt and a text.
UNPACT_FUZZ_TARGET(vocabulary_and_merges) {
  using namespace unpact;
  const auto parts = fuzzing::make_parts(input, 3);
  TokenizerConfig config;
  const BpeTokenizer tokenizer(vocabulary_and_merges_parts(parts[0], parts[1], "folder", config), config);
  fuzzing::check_tokenizer(tokenizer, parts[2]);
}
