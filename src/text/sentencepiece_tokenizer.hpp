#pragma once
#include <sentencepiece_processor.h>

#include <mutex>

#include "sentencepiece_rules.hpp"
#include "unpact/text/tokenizer.hpp"
#include "word_cache.hpp"

namespace unpact {

/// A SentencePiece model (tokenizer.model of Llama 2, Mistral 7B v0.1 and their kin).
class SentencePieceTokenizer final : public Tokenizer {
 public:
  /// @param folder holds tokenizer.model. @throws UserError when that file is broken.
  explicit SentencePieceTokenizer(const std::filesystem::path& folder);
  /// @param content of a tokenizer.model; @param path for messages.
  SentencePieceTokenizer(const std::string& content, std::filesystem::path path);

  /// Word by word where the model allows it, each distinct word once, else as encode_whole().
  Encoding encode(std::string_view text) const override;
  /// The same from one call of the library for the whole text: slower, and the reference of encode().
  Encoding encode_whole(std::string_view text) const;
  bool encodes_words() const { return rules_.words_stand_alone; }
  std::vector<TokenId> encode_continuation(std::string_view text) const override;
  /// The same, with spans.
  Encoding encode_continuing(std::string_view text) const;
  std::optional<TokenId> id_of(const std::string& piece) const;
  std::vector<std::string> control_pieces() const;  ///< and those for what is unknown
  const std::filesystem::path& path() const { return path_; }
  std::string decode(const std::vector<TokenId>& ids) const override;
  std::string piece(TokenId id) const override;

  std::int64_t vocabulary_size() const override { return vocabulary_size_; }
  std::optional<TokenId> bos_id() const override { return bos_id_; }
  std::optional<TokenId> eos_id() const override { return eos_id_; }
  std::string kind() const override { return "SentencePiece"; }
  std::string checksum() const override { return checksum_; }
  std::vector<std::filesystem::path> files() const override { return files_; }

 private:
  void load(const std::string& content);
  Encoding encode_words(std::string_view text) const;
  void encode_word(std::string_view word, std::uint32_t offset, WordCache* cache, std::vector<Symbol>& symbols) const;
  void check_pieces() const;
  void choose_sentinel();
  void use_sentinel(const std::string& sentinel);
  bool stays_alone(const std::string& sentinel) const;
  void require_known(TokenId id) const;

  std::filesystem::path path_;
  sentencepiece::SentencePieceProcessor processor_;
  SentencePieceRules rules_;
  std::int64_t vocabulary_size_ = 0;
  std::optional<TokenId> bos_id_, eos_id_;
  std::string checksum_;
  std::size_t sentinel_tokens_ = 0;
  std::string sentinel_;  ///< put in front of a continuation, so that the dummy space falls on it; empty: none exists
  std::vector<std::filesystem::path> files_;
  mutable std::mutex cache_mutex_;  ///< a second thread works without the cache
  mutable WordCache cache_;
};

}  // namespace unpact
