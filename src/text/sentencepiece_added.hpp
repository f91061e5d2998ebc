#pragma once
#include <memory>

#include "added_tokens.hpp"
#include "sentencepiece_tokenizer.hpp"
#include "special_tokens.hpp"

namespace unpact {

/// A SentencePiece model with the added and special tokens of the files beside it, as transformers' LlamaTokenizer cuts a text
/// (models/llama/tokenization_llama.py): first at these tokens, then what lies between by the model. The model's space goes in
/// front of a text that begins with words; in front of words after a token only where the configuration says `legacy`.
class AddedSentencePieceTokenizer final : public Tokenizer {
 public:
  /// @throws UserError when the configuration and the model disagree about an id.
  AddedSentencePieceTokenizer(std::unique_ptr<SentencePieceTokenizer> model, const TokenizerConfig& config);

  Encoding encode(std::string_view text) const override;
  Encoding encode_around(std::string_view text, const std::vector<ByteSpan>& literals) const override;
  std::vector<TokenId> encode_continuation(std::string_view text) const override;
  std::vector<TokenId> encode_continuation_around(std::string_view text,
                                                  const std::vector<ByteSpan>& literals) const override;
  std::string decode(const std::vector<TokenId>& ids) const override;
  std::string piece(TokenId id) const override;

  std::int64_t vocabulary_size() const override { return size_; }
  std::optional<TokenId> bos_id() const override { return bos_id_; }
  std::optional<TokenId> eos_id() const override { return eos_id_; }
  std::string kind() const override { return model_->kind(); }
  std::string checksum() const override { return checksum_; }
  std::vector<std::filesystem::path> files() const override { return model_->files(); }
  std::vector<std::pair<TokenId, std::string>> special_tokens() const override;

 private:
  enum class Beginning { own, continuation };
  Encoding run(std::string_view text, Beginning beginning, const std::vector<ByteSpan>& literals) const;
  void encode_words(std::string_view text, const ByteSpan& section, Beginning beginning, Encoding& encoding) const;
  std::optional<TokenId> id_of(const std::optional<std::string>& content) const;

  std::unique_ptr<SentencePieceTokenizer> model_;
  AddedTokens added_;
  bool space_after_tokens_;
  std::int64_t size_;
  std::optional<TokenId> bos_id_, eos_id_;
  std::string checksum_;
};

}  // namespace unpact
