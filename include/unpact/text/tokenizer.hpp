#pragma once
/// Tokenizers: text to ids and back, with the bytes of the text behind every token.
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace unpact {

using TokenId = std::int64_t;

/// A half-open range of bytes of the encoded text. It may begin or end inside of a character, of which a token can hold
/// a part. A token of characters that normalization made has the bytes that these were made from.
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

  /// The text's tokens; no special token is put around them. Special and added tokens that the text itself names
  /// become these tokens, except in a SentencePiece model that has no configuration beside it: it knows none by name.
  /// @throws UserError for text that is not UTF-8: it is refused, not mended, as the Python packages take none either.
  virtual Encoding encode(std::string_view text) const = 0;
  /// The same, but special and added tokens that are named inside of `literals`, or across their bounds, stay plain
  /// text: what others wrote cannot leave the turn of a chat that it is put into. Words still form across the bounds.
  /// @param literals ranges of `text`, ascending and apart.
  virtual Encoding encode_around(std::string_view text, const std::vector<ByteSpan>& literals) const;
  /// encode() with the special tokens that the tokenizer's own rules put around a text (BOS, say).
  virtual Encoding encode_with_special(std::string_view text) const;
  /// The tokens of a text that continues another one: no space is put in front of it.
  virtual std::vector<TokenId> encode_continuation(std::string_view text) const = 0;
  /// The same, with literals as above.
  virtual std::vector<TokenId> encode_continuation_around(std::string_view text,
                                                          const std::vector<ByteSpan>& literals) const;
  /// The text of the ids; special tokens (BOS, EOS, padding) are left out, and so are ids that belong to no token.
  /// Broken UTF-8 becomes U+FFFD. Spaces are not cleaned up, as transformers 5 cleans up no BPE tokenizer's.
  /// @throws UserError for an id outside the vocabulary.
  virtual std::string decode(const std::vector<TokenId>& ids) const = 0;
  /// One token as a person reads it: the piece's text with its leading space as ' ', bytes as <0xHH>.
  virtual std::string piece(TokenId id) const = 0;

  /// One more than the largest id.
  virtual std::int64_t vocabulary_size() const = 0;
  virtual std::optional<TokenId> bos_id() const = 0;
  virtual std::optional<TokenId> eos_id() const = 0;
  /// Whether EOS stands behind every prompt: an encoder reads it there.
  virtual bool ends_prompts() const { return false; }
  virtual std::string kind() const = 0;  ///< e.g. "SentencePiece BPE"
  /// SHA-256 of the vocabulary's file (SentencePiece), or of it and of the special and added tokens as all files together
  /// decide them (BPE): equal checksums, equal tokens.
  virtual std::string checksum() const = 0;
  /// The files that a checkpoint folder needs so that this tokenizer can be loaded from it again.
  virtual std::vector<std::filesystem::path> files() const = 0;
  /// Ids and texts of the special tokens, by id.
  virtual std::vector<std::pair<TokenId, std::string>> special_tokens() const { return {}; }
  /// Further properties for a person: name and value.
  virtual std::vector<std::pair<std::string, std::string>> describe() const { return {}; }
};

/// The tokenizer of a Hugging Face folder: a SentencePiece tokenizer.model, unless a tokenizer.json beside it has added
/// tokens that the model does not find in a text; else a tokenizer.json of BPE kind, a tokenizer.model in tiktoken's
/// format (Llama 3), a tokenizer.json of Unigram kind or spiece.model (T5), or vocab.json and merges.txt (of a class that is known: GPT-2, GPT-NeoX, CodeGen, Qwen). BOS and EOS
/// come from tokenizer_config.json, if there is one.
/// @throws UserError when there is no tokenizer, it is broken, or of another kind (WordPiece), which is named.
std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& folder);

}  // namespace unpact
