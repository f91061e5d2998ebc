#pragma once
/// What tokenizer_config.json, special_tokens_map.json and added_tokens.json say of special tokens.
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "added_tokens.hpp"

namespace unpact {

struct TokenizerConfig {
  bool exists = false;  ///< then a token that it does not name does not exist
  std::optional<std::string> bos, eos;
  std::vector<AddedToken> added;  ///< added_tokens_decoder, without one those of added_tokens.json
  /// Special tokens by key ("eos_token"), without a text where the files say null.
  std::map<std::string, std::optional<std::string>> named;
  std::vector<std::string> additional;  ///< special tokens beside those of the keys
  std::string tokenizer_class;          ///< without "Fast" at its end; empty: not said
  std::optional<bool> add_prefix_space, add_bos, legacy;
};

/// Every token that is named as a special one, in the order in which transformers gives new ids: by key, then the
/// additional ones.
std::vector<std::string> special_names(const TokenizerConfig& config);

/// @throws UserError for a broken file; a missing one is no error.
TokenizerConfig read_tokenizer_config(const std::filesystem::path& folder);
/// Adds what the content of one such file says and those before it did not.
void add_tokenizer_config(std::string_view content, const std::string& where, TokenizerConfig& config);

/// Adds what the content of an added_tokens.json says: ids by content. Special are those that the configuration names so.
void add_added_tokens(std::string_view content, const std::string& where, TokenizerConfig& config);

/// Tokens that `config` names as special ones: `id_of` says what the vocabulary calls them; where it does not know one, it
/// gets the next id after the others, as transformers gives it.
std::vector<AddedToken> with_named_specials(const TokenizerConfig& config, std::int64_t vocabulary_size,
                                            const std::function<std::optional<TokenId>(const std::string&)>& id_of);

/// Of the vocabulary's file (its checksum), and of the special and added tokens that the files beside it decide about.
std::string checksum_with_tokens(const std::string& vocabulary, std::vector<AddedToken> added, std::optional<TokenId> bos,
                                 std::optional<TokenId> eos);

/// An entry of added_tokens or added_tokens_decoder. @throws UserError.
AddedToken read_added_token(const Json& object, TokenId id, const std::string& where);

}  // namespace unpact
