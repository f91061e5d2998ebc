#include <memory>
#include <utility>

#include "../../src/text/bpe_tokenizer.hpp"  // private to the layer
#include "../../src/text/unigram_json.hpp"
#include "../../src/text/unigram_tokenizer.hpp"
#include "tokenizer_checks.hpp"

/// A tokenizer.json, a text and a tokenizer_config.json.
UNPACT_FUZZ_TARGET(tokenizer_json) {
  using namespace unpact;
  const auto parts = fuzzing::make_parts(input, 3);
  TokenizerConfig config;
  if (!parts[2].empty()) add_tokenizer_config(parts[2], "tokenizer_config.json", config);
  if (is_unigram(parts[0], "tokenizer.json")) {
    auto read = unigram_parts(parts[0], "tokenizer.json");
    if (read.suffix.size() != 1) return;
    const UnigramTokenizer unigram(std::make_unique<SentencePieceTokenizer>(read.model, "tokenizer.json"),
                                   std::move(read.added), read.suffix.front(), {});
    unigram.special_tokens();
    return fuzzing::check_tokenizer(unigram, parts[1]);
  }
  const BpeTokenizer tokenizer(tokenizer_json_parts(parts[0], "tokenizer.json"), config);
  tokenizer.describe();
  tokenizer.special_tokens();
  fuzzing::check_tokenizer(tokenizer, parts[1]);
}
