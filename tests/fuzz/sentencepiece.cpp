#include "../../src/text/sentencepiece_tokenizer.hpp"  // private to the layer
#include "tokenizer_checks.hpp"

/// A tokenizer.model of SentencePiece's kind, and behind `===` a text.
UNPACT_FUZZ_TARGET(sentencepiece) {
  using namespace unpact;
  const auto parts = fuzzing::make_parts(input, 2);
  const SentencePieceTokenizer tokenizer(parts[0], "tokenizer.model");
  for (TokenId id = 0; id < std::min<TokenId>(tokenizer.vocabulary_size(), 100); ++id) {
    tokenizer.piece(id);
    tokenizer.decode({id, id});
  }
  for (const std::string& text : {parts[1], std::string("The cat, 12 \xC3\xA9\n")}) {
    try {
      fuzzing::check_tokenizer(tokenizer, text);
      UNPACT_FUZZ_REQUIRE(tokenizer.encode(text).ids == tokenizer.encode_whole(text).ids);
    } catch (const RuntimeFailure&) {  // the library found the model unfit for this text, and said so
    }
  }
}
