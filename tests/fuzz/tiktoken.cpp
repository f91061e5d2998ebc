#include "../../src/text/bpe_tokenizer.hpp"  // private to the layer
#include "tokenizer_checks.hpp"

/// A tokenizer.model in tiktoken's format, with as many ranks as it has lines, and behind `===` a text.
UNPACT_FUZZ_TARGET(tiktoken) {
  using namespace unpact;
  const auto parts = fuzzing::make_parts(input, 2);
  std::size_t lines = 0;
  for (std::size_t at = 0; at < parts[0].size(); ++at)
    if (parts[0][at] != '\n' && (at == 0 || parts[0][at - 1] == '\n')) ++lines;
  const BpeTokenizer tokenizer(tiktoken_parts(parts[0], "tokenizer.model", lines), TokenizerConfig());
  fuzzing::check_tokenizer(tokenizer, parts[1]);
}
