#pragma once
/// What must hold for every tokenizer and text.
#include <algorithm>

#include "fuzz_target.hpp"
#include "unpact/text/tokenizer.hpp"

namespace unpact::fuzzing {

inline void check_encoding(const Tokenizer& tokenizer, const Encoding& encoding, std::size_t text_bytes) {
  UNPACT_FUZZ_REQUIRE(encoding.ids.size() == encoding.spans.size());
  for (const auto& span : encoding.spans) UNPACT_FUZZ_REQUIRE(span.begin <= span.end && span.end <= text_bytes);
  for (const auto id : encoding.ids) {
    UNPACT_FUZZ_REQUIRE(id >= 0 && id < tokenizer.vocabulary_size());
    UNPACT_FUZZ_REQUIRE(is_valid_utf8(tokenizer.piece(id)));
  }
}

inline void check_tokenizer(const Tokenizer& tokenizer, const std::string& text) {
  const auto encoding = tokenizer.encode(text);
  check_encoding(tokenizer, encoding, text.size());
  UNPACT_FUZZ_REQUIRE(is_valid_utf8(tokenizer.decode(encoding.ids)));
  UNPACT_FUZZ_REQUIRE(tokenizer.encode(text).ids == encoding.ids);  // now with a filled cache
  check_encoding(tokenizer, tokenizer.encode_with_special(text), text.size());
  check_encoding(tokenizer, tokenizer.encode_around(text, {{0, text.size()}}), text.size());
  for (const auto id : tokenizer.encode_continuation(text)) UNPACT_FUZZ_REQUIRE(id >= 0 && id < tokenizer.vocabulary_size());
  for (const auto special : {tokenizer.bos_id(), tokenizer.eos_id()})
    if (special) UNPACT_FUZZ_REQUIRE(*special >= 0 && *special < tokenizer.vocabulary_size());
}

}  // namespace unpact::fuzzing
