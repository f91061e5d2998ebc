#pragma once
/// For tests: a tokenizer whose tokens are bytes, and a small SentencePiece model trained on the spot.
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/temporary_folder.hpp"
#include "unpact/core/error.hpp"
#include "unpact/text/sentencepiece_trainer.hpp"
#include "unpact/text/tokenizer.hpp"

namespace unpact::testing_support {

/// Byte b is token 3 + b; BOS is 1, EOS is 2.
class ByteTokenizer : public Tokenizer {
 public:
  Encoding encode(std::string_view text) const override {
    Encoding encoding;
    for (std::size_t i = 0; i < text.size(); ++i) {
      encoding.ids.push_back(3 + static_cast<unsigned char>(text[i]));
      encoding.spans.push_back({i, i + 1});
    }
    return encoding;
  }
  std::vector<TokenId> encode_continuation(std::string_view text) const override { return encode(text).ids; }
  std::string decode(const std::vector<TokenId>& ids) const override {
    std::string text;
    for (const TokenId id : ids)
      if (id >= 3) text += static_cast<char>(id - 3);
    return text;
  }
  std::string piece(TokenId id) const override { return std::string(1, static_cast<char>(id - 3)); }
  std::int64_t vocabulary_size() const override { return 259; }
  std::optional<TokenId> bos_id() const override { return has_specials ? std::optional<TokenId>(1) : std::nullopt; }
  std::optional<TokenId> eos_id() const override { return has_specials ? std::optional<TokenId>(2) : std::nullopt; }
  std::string kind() const override { return "bytes"; }
  std::string checksum() const override { return "none"; }
  std::vector<std::filesystem::path> files() const override { return {}; }

  bool has_specials = true;
};

inline const std::vector<std::string>& training_texts() {
  static const std::vector<std::string> texts = {
      "Question: Who wrote the report on the harbour of Port Ellis?\nAnswer: Mira O'Grady, in 1472.\n",
      "Question: Where was the harbour built?\nAnswer: It was built beside the river.\n\nThe report is of 2005.",
      "The river runs through the town, and the town was there before the harbour; the answer is in the report.",
      "caf\xC3\xA9 na\xC3\xAFve caf\xC3\xA9 na\xC3\xAFve - the caf\xC3\xA9 beside the river, the caf\xC3\xA9 in town"};
  return texts;
}

/// A trained model, made once a process.
inline const std::filesystem::path& trained_folder() {
  static const TemporaryFolder folder;
  static const bool trained = [] {
    train_sentencepiece(training_texts(), 360, folder.path());
    return true;
  }();
  static_cast<void>(trained);
  return folder.path();
}

inline const Tokenizer& trained_tokenizer() {
  static const auto tokenizer = load_tokenizer(trained_folder());
  return *tokenizer;
}

/// The text that each token of an encoding covers.
inline std::vector<std::string> covered(const std::string& text, const std::vector<ByteSpan>& spans) {
  std::vector<std::string> parts;
  for (const auto& span : spans) parts.push_back(text.substr(span.begin, span.end - span.begin));
  return parts;
}

inline std::vector<std::string> pieces_of(const Tokenizer& tokenizer, const std::vector<TokenId>& ids) {
  std::vector<std::string> pieces;
  for (const TokenId id : ids) pieces.push_back(tokenizer.piece(id));
  return pieces;
}

}  // namespace unpact::testing_support
