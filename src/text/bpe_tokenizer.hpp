#pragma once
/// Byte-pair tokenizers of Hugging Face's tokenizer.json and the formats that can be read as one.
#include <mutex>

#include "added_tokens.hpp"
#include "bpe_model.hpp"
#include "components.hpp"
#include "special_tokens.hpp"

namespace unpact {

/// What a tokenizer is made of; the readers below fill it.
struct BpeParts {
  std::string kind;
  std::filesystem::path path;  ///< for messages
  BpeVocabulary vocabulary;
  Json normalizer, pre_tokenizer, decoder;  ///< as in tokenizer.json
  std::vector<AddedToken> added;
  std::vector<std::string> prefix, suffix;  ///< special tokens around a text
  std::string checksum;
  std::vector<std::filesystem::path> files;
};

constexpr std::size_t kLlama3Ranks = 128'000;  // its special tokens follow

/// tokenizer.json. @throws UserError for a kind that is not supported, which it names, and for a broken file.
BpeParts read_tokenizer_json(const std::filesystem::path& file);
BpeParts tokenizer_json_parts(std::string_view content, const std::filesystem::path& file);
/// tokenizer.model in tiktoken's format, with Llama 3's expression and special tokens.
BpeParts read_tiktoken_model(const std::filesystem::path& file);
/// @param ranks how many lines with tokens the file must have.
BpeParts tiktoken_parts(std::string_view content, const std::filesystem::path& file, std::size_t ranks = kLlama3Ranks);
/// vocab.json and merges.txt, cut as the tokenizer's class does (GPT-2, Qwen, ...): `config` names it, or config.json's
/// model type does. Fills in what the class says where `config` does not.
BpeParts read_vocabulary_and_merges(const std::filesystem::path& folder, TokenizerConfig& config);
BpeParts vocabulary_and_merges_parts(const std::string& vocabulary, const std::string& merges,
                                     const std::filesystem::path& folder, TokenizerConfig& config);

class BpeTokenizer final : public Tokenizer {
 public:
  /// @param config of the same folder. @throws UserError when the parts do not fit together.
  BpeTokenizer(BpeParts parts, const TokenizerConfig& config);

  Encoding encode(std::string_view text) const override;
  Encoding encode_around(std::string_view text, const std::vector<ByteSpan>& literals) const override;
  Encoding encode_with_special(std::string_view text) const override;
  std::vector<TokenId> encode_continuation(std::string_view text) const override;
  std::vector<TokenId> encode_continuation_around(std::string_view text,
                                                  const std::vector<ByteSpan>& literals) const override;
  std::string decode(const std::vector<TokenId>& ids) const override;
  std::string piece(TokenId id) const override;

  std::int64_t vocabulary_size() const override { return size_; }
  std::optional<TokenId> bos_id() const override { return bos_id_; }
  std::optional<TokenId> eos_id() const override { return eos_id_; }
  std::string kind() const override { return kind_; }
  std::string checksum() const override { return checksum_; }
  std::vector<std::filesystem::path> files() const override { return files_; }
  std::vector<std::pair<TokenId, std::string>> special_tokens() const override;
  std::vector<std::pair<std::string, std::string>> describe() const override;

 private:
  /// What a run over one text needs: where it begins, what is literal in it, the cache (null: none).
  struct Run {
    Beginning beginning;
    const std::vector<ByteSpan>& literals;
    WordCache* cache;
  };
  Encoding run(std::string_view text, Beginning beginning, const std::vector<ByteSpan>& literals) const;
  void encode_section(AlignedText section, const Run& run, Encoding& encoding) const;
  void encode_words(AlignedText section, const Run& run, Encoding& encoding) const;
  void choose_special_tokens(const TokenizerConfig& config);
  std::optional<TokenId> id_of(const std::string& content) const;
  /// Empty for an id that is not used. @throws UserError for an id outside the vocabulary.
  const std::string& content_of(TokenId id) const;

  std::filesystem::path path_;
  std::string kind_;
  std::unique_ptr<Normalizer> normalizer_;  ///< may be null, as the next two
  std::unique_ptr<PreTokenizer> pre_tokenizer_;
  std::unique_ptr<Decoder> decoder_;
  BpeModel model_;
  AddedTokens added_;
  bool spells_bytes_ = false;  ///< pieces are in ByteLevel's characters
  std::vector<TokenId> prefix_, suffix_;
  std::int64_t size_ = 0;
  std::optional<TokenId> bos_id_, eos_id_;
  std::string checksum_;
  std::vector<std::filesystem::path> files_;
  std::vector<std::pair<std::string, std::string>> description_;
  mutable std::mutex cache_mutex_;  ///< a second thread works without the cache
  mutable WordCache cache_;
};

}  // namespace unpact
