#pragma once
/// Byte-pair encoding of words, with the rules of the tokenizers package.
#include <array>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "pair_table.hpp"
#include "unpact/text/tokenizer.hpp"
#include "word_cache.hpp"

namespace unpact {

constexpr TokenId kMaxTokenId = 1 << 22;  // published vocabularies have at most some 260,000

struct BpeVocabulary {
  std::vector<std::pair<std::string, TokenId>> pieces;
  std::vector<std::pair<std::string, std::string>> merges;  ///< best first
  std::string unknown_piece;                                ///< empty: unknown characters vanish
  bool fuse_unknown = false;                                ///< neighbouring unknown characters become one token
  bool byte_fallback = false;                               ///< unknown characters are spelled in <0xHH> pieces
  bool ignore_merges = false;                               ///< a word that is a piece stays whole
  bool bytes = false;           ///< words are bytes, which the pieces spell in ByteLevel's characters
  bool merges_by_rank = false;  ///< no list: any two pieces merge whose text is a piece, lowest id first (tiktoken)
};

class BpeModel {
 public:
  /// @throws UserError for ids or pieces that appear twice and merges of unknown pieces.
  BpeModel(BpeVocabulary vocabulary, const std::string& where);

  /// Appends the word's tokens; the bounds of a symbol count from `offset`.
  /// @param cache of this model, or null.
  void encode(std::string_view word, std::uint32_t offset, WordCache* cache, std::vector<Symbol>& symbols) const;

  /// One more than the largest id.
  TokenId size() const { return static_cast<TokenId>(pieces_.size()); }
  std::size_t count() const { return count_; }
  /// As the file spells it; empty for an id that is not used.
  const std::string& piece(TokenId id) const { return pieces_[static_cast<std::size_t>(id)]; }
  std::optional<TokenId> id_of(const std::string& piece) const;

 private:
  using Id = std::uint32_t;
  static constexpr Id kNone = ~Id{0};

  void add_pieces(std::vector<std::pair<std::string, TokenId>>&& pieces);
  void add_merges(const std::vector<std::pair<std::string, std::string>>& merges);
  void add_merges_by_rank();
  void prepare_first_symbols();
  void encode_chunk(std::string_view word, std::uint32_t offset, WordCache* cache, std::vector<Symbol>& symbols) const;
  void first_symbols(std::string_view word, std::uint32_t offset, std::vector<Symbol>& symbols) const;
  void merge_few(std::vector<Symbol>& symbols, std::size_t first) const;
  void merge_many(std::vector<Symbol>& symbols, std::size_t first) const;
  Id find(std::string_view text) const {
    const auto it = ids_.find(text);
    return it == ids_.end() ? kNone : it->second;
  }

  const std::string where_;
  BpeVocabulary options_;                         ///< without pieces and merges
  std::vector<std::string> pieces_;               ///< by id
  std::deque<std::string> texts_;                 ///< what the keys below point into, where words are bytes
  std::unordered_map<std::string_view, Id> ids_;  ///< by text: bytes, or the piece itself
  std::unordered_map<std::string_view, Id> odd_;  ///< pieces that no text becomes, where words are bytes
  PairTable merges_;
  std::array<Id, 256> bytes_;     ///< of one-byte texts
  std::array<Id, 256> fallback_;  ///< of <0xHH>
  std::size_t count_ = 0;
  Id unknown_ = kNone;
  bool cuts_at_spaces_ = false;  ///< no merge leads from another character to U+2581: words may be cut there
};

}  // namespace unpact
