#pragma once
/// What tokenizer_config.json and special_tokens_map.json say of special tokens.
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "added_tokens.hpp"

namespace unpact {

struct TokenizerConfig {
  bool exists = false;  ///< then a token that it does not name does not exist
  std::optional<std::string> bos, eos, pad;
  std::vector<AddedToken> added;  ///< added_tokens_decoder
};

/// @throws UserError for a broken file; a missing one is no error.
TokenizerConfig read_tokenizer_config(const std::filesystem::path& folder);
/// Adds what the content of one such file says and those before it did not.
void add_tokenizer_config(std::string_view content, const std::string& where, TokenizerConfig& config);

/// An entry of added_tokens or added_tokens_decoder. @throws UserError.
AddedToken read_added_token(const Json& object, TokenId id, const std::string& where);

}  // namespace unpact
