#pragma once
/// Tokens that are found in a text before it is cut into words, special ones among them.
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "components.hpp"

namespace unpact {

struct AddedToken {
  TokenId id = 0;
  std::string content;
  bool single_word = false;  ///< not inside of a word
  bool lstrip = false;       ///< takes the white space on its left along
  bool rstrip = false;
  bool normalized = false;   ///< looked for in the normalized text, itself normalized
  bool special = false;      ///< left out by decode
  std::string decoded = {};  ///< what decode takes for it: its content, normalized where it is looked for so
};

/// A part of a text: one added token, or text between them.
struct Section {
  ByteSpan span;
  std::optional<TokenId> id;
};

class AddedTokens {
 public:
  /// @param normalizer may be null. @throws UserError when two tokens share an id or a content.
  AddedTokens(std::vector<AddedToken> tokens, const Normalizer* normalizer, const std::string& where);

  /// Cuts a text at the tokens that are looked for before (false) or after (true) normalization. Of several that begin
  /// at one place the longest counts.
  std::vector<Section> split(const std::string& text, bool normalized) const;
  /// The same, looking only between the literals: ranges of `text`, ascending and apart.
  std::vector<Section> split_around(const std::string& text, bool normalized, const std::vector<ByteSpan>& literals) const;

  bool has_normalized() const { return !normalized_.empty(); }
  const std::vector<AddedToken>& all() const { return tokens_; }
  const AddedToken* find(TokenId id) const;
  std::optional<TokenId> id_of(const std::string& content) const;
  /// Ids and contents of those that no text comes to by chance, ascending.
  std::vector<std::pair<TokenId, std::string>> special() const;

 private:
  /// A trie over bytes; node 0 is the root.
  struct Trie {
    struct Node {
      std::unordered_map<char, std::uint32_t> next;
      std::optional<std::size_t> token;
    };
    std::vector<Node> nodes{1};
    void add(const std::string& content, std::size_t token);
    /// The longest token at `at`: its index and end.
    std::optional<std::pair<std::size_t, std::size_t>> longest(const std::string& text, std::size_t at) const;
    bool empty() const { return nodes.size() == 1; }
  };
  bool stands_alone(const std::string& text, const ByteSpan& match) const;

  std::vector<AddedToken> tokens_;
  Trie plain_, normalized_;
  bool first_bytes_[2][256] = {};  ///< what a token of either trie may begin with
  std::unordered_map<TokenId, std::size_t> by_id_;
  std::unordered_map<std::string, std::size_t> by_content_;
  Regex word_;
};

}  // namespace unpact
