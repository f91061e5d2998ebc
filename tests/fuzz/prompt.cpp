#include "unpact/text/prompt.hpp"

#include <algorithm>

#include "../../src/text/bpe_tokenizer.hpp"  // private to the layer
#include "fuzz_target.hpp"

namespace {

using namespace unpact;

/// Bytes, some merges and special tokens, one of which takes white space along.
const BpeTokenizer& tokenizer() {
  static const BpeTokenizer made = [] {
    BpeParts parts;
    parts.path = "built in";
    for (TokenId byte = 0; byte < 256; ++byte) {
      std::string piece;
      const auto c = static_cast<char32_t>(byte);
      const bool printable = (c >= '!' && c <= '~') || (c >= 0xA1 && c <= 0xAC) || c >= 0xAE;
      static char32_t next = 0x100;
      const char32_t shown = printable ? c : next++;
      if (shown < 0x80) piece += static_cast<char>(shown);
      else piece += {static_cast<char>(0xC0 | shown >> 6), static_cast<char>(0x80 | (shown & 0x3F))};
      parts.vocabulary.pieces.emplace_back(piece, byte);
    }
    for (const auto* pair : {"t h", "th e", "\xC4\xA0 the", ": \xC4\xA0", "\xC4\x8A \xC4\x8A"}) {
      const std::string text = pair;
      const auto space = text.find(' ');
      parts.vocabulary.merges.emplace_back(text.substr(0, space), text.substr(space + 1));
      parts.vocabulary.pieces.emplace_back(text.substr(0, space) + text.substr(space + 1),
                                           static_cast<TokenId>(parts.vocabulary.pieces.size()));
    }
    parts.pre_tokenizer = {{"type", "ByteLevel"}, {"add_prefix_space", false}};
    parts.decoder = {{"type", "ByteLevel"}};
    parts.added = {{300, "<s>"}, {301, "<|eot|>"}, {302, "[INST]"}};
    for (auto& token : parts.added) token.special = true;
    parts.added[1].rstrip = parts.added[2].lstrip = parts.added[2].single_word = true;
    parts.prefix = {"<s>"};
    return BpeTokenizer(std::move(parts), TokenizerConfig());
  }();
  return made;
}

void check(const Prompt& prompt) {
  UNPACT_FUZZ_REQUIRE(prompt.ids.size() == prompt.spans.size());
  UNPACT_FUZZ_REQUIRE(prompt.candidate_begin < prompt.candidate_end && prompt.candidate_end <= prompt.ids.size());
  for (const auto& span : prompt.spans) UNPACT_FUZZ_REQUIRE(span.begin <= span.end && span.end <= prompt.text.size());
  const auto count = prompt.candidate_end - prompt.candidate_begin;
  std::vector<bool> marked(count, true);
  words_behind(prompt, marked);
  for (std::size_t i = 0; i < count; i += 2) marked[i] = false;
  words_behind(prompt, marked);
}

}  // namespace

/// One field of the template a line, as a configuration writes it; the last four are question, answer and an example.
UNPACT_FUZZ_TARGET(prompt) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin <= input.size() && lines.size() < 13;) {
    const auto end = std::min(input.find('\n', begin), input.size());
    lines.push_back(unescape(input.substr(begin, end - begin)));
    begin = end + 1;
  }
  lines.resize(13);
  PromptTemplate layout;
  layout.system = lines[0];
  layout.before_system = lines[1];
  layout.after_system = lines[2];
  layout.before_question = lines[3];
  layout.after_question = lines[4];
  layout.answer_prefix = lines[5];
  layout.generation_prefix = lines[6];
  layout.between_examples = lines[7];
  layout.stop_strings = split_list(lines[8], '|');
  std::vector<InContextExample> examples;
  if (!lines[11].empty()) examples.emplace_back(lines[11], lines[12]);
  check(build_prompt(tokenizer(), layout, lines[9], examples));
  const auto ids = encode_answer(tokenizer(), layout, lines[10]);
  UNPACT_FUZZ_REQUIRE(is_valid_utf8(readable_answer(tokenizer(), layout, ids)));
}
