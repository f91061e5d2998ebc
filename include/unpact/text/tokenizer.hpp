#pragma once
/// Tokenizers: text to ids and back, with the bytes of the text behind every token.
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace unpact {

using TokenId = std::int64_t;

/// A half-open range of bytes of the encoded text.
struct ByteSpan {
  std::size_t begin = 0, end = 0;
};

struct Encoding {
  std::vector<TokenId> ids;
  std::vector<ByteSpan> spans;  ///< one a token; empty for tokens without text
};

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  /// The text's tokens, without special tokens. @throws UserError for text that is not UTF-8.
  virtual Encoding encode(std::string_view text) const = 0;
  /// The tokens of a text that continues another one: no space is put in front of it.
  virtual std::vector<TokenId> encode_continuation(std::string_view text) const = 0;
  /// The text of the ids; special tokens (BOS, EOS, padding) are left out.
  /// @throws UserError for an id outside the vocabulary.
  virtual std::string decode(const std::vector<TokenId>& ids) const = 0;
  /// One token as a person reads it: the piece's text with its leading space as ' ', bytes as <0xHH>.
  virtual std::string piece(TokenId id) const = 0;

  virtual std::int64_t vocabulary_size() const = 0;
  virtual std::optional<TokenId> bos_id() const = 0;
  virtual std::optional<TokenId> eos_id() const = 0;
  virtual std::string kind() const = 0;      ///< e.g. "SentencePiece BPE"
  virtual std::string checksum() const = 0;  ///< SHA-256 of the vocabulary file
  /// The files that a checkpoint folder needs so that this tokenizer can be loaded from it again.
  virtual std::vector<std::filesystem::path> files() const = 0;
};

/// The tokenizer of a Hugging Face folder. @throws UserError when there is none or it is broken.
std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& folder);

}  // namespace unpact
