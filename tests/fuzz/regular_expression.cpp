#include "../../src/text/regex.hpp"  // private to the layer
#include "../../src/text/unicode.hpp"
#include "fuzz_target.hpp"

/// A pattern in the dialect of tokenizer.json, and behind `===` a text.
UNPACT_FUZZ_TARGET(regular_expression) {
  using namespace unpact;
  const auto parts = fuzzing::make_parts(input, 2);
  const std::string& text = parts[1];
  if (!is_valid_utf8(parts[0]) || !is_valid_utf8(text)) return;  // the readers refuse such files and texts
  const auto pattern = Regex::of_pattern(parts[0], "input");
  std::vector<ByteSpan> matches;
  pattern.find_all(text, matches);
  std::size_t end = 0;
  for (const auto& match : matches) {
    UNPACT_FUZZ_REQUIRE(end <= match.begin && match.begin <= match.end && match.end <= text.size());
    for (const auto bound : {match.begin, match.end})
      UNPACT_FUZZ_REQUIRE(bound == text.size() || !is_continuation_byte(text[bound]));
    end = match.end;
  }
}
