#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "added_tokens.hpp"
#include "sentencepiece_tokenizer.hpp"
#include "special_tokens.hpp"

namespace unpact {

/// T5's tokenizer, as transformers has it (models/t5/tokenization_t5.py): a SentencePiece Unigram model, special tokens that
/// are cut out of a text first, words that begin anew behind them, and EOS behind a text that an encoder reads. An answer is the
/// decoder's own sequence, so that a continuation is encoded as a text.
class UnigramTokenizer final : public Tokenizer {
 public:
  /// @param folder holds a tokenizer.json of Unigram kind, or spiece.model. @throws UserError when these are broken.
  static std::unique_ptr<Tokenizer> from_json(const std::filesystem::path& folder, const std::string& content);
  static std::unique_ptr<Tokenizer> from_model(const std::filesystem::path& folder);

  UnigramTokenizer(std::unique_ptr<SentencePieceTokenizer> model, std::vector<AddedToken> added, const std::string& end,
                   std::vector<std::filesystem::path> files);

  Encoding encode(std::string_view text) const override { return encode_around(text, {}); }
  Encoding encode_around(std::string_view text, const std::vector<ByteSpan>& literals) const override;
  Encoding encode_with_special(std::string_view text) const override;
  std::vector<TokenId> encode_continuation(std::string_view text) const override { return encode(text).ids; }
  std::vector<TokenId> encode_continuation_around(std::string_view text,
                                                  const std::vector<ByteSpan>& literals) const override {
    return encode_around(text, literals).ids;
  }
  std::string decode(const std::vector<TokenId>& ids) const override;
  std::string piece(TokenId id) const override;

  std::int64_t vocabulary_size() const override { return size_; }
  std::optional<TokenId> bos_id() const override { return std::nullopt; }
  std::optional<TokenId> eos_id() const override { return eos_id_; }
  bool ends_prompts() const override { return true; }
  std::string kind() const override { return "SentencePiece Unigram"; }
  std::string checksum() const override { return checksum_; }
  std::vector<std::filesystem::path> files() const override { return files_; }
  std::vector<std::pair<TokenId, std::string>> special_tokens() const override;

 private:
  std::unique_ptr<SentencePieceTokenizer> model_;
  AddedTokens added_;
  std::int64_t size_;
  TokenId eos_id_ = -1;
  std::string checksum_;
  std::vector<std::filesystem::path> files_;
};

}  // namespace unpact
