#pragma once
/// Reading the JSON files of tokenizers, whose vocabularies are too large for a general JSON tree.
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "unpact/core/json.hpp"
#include "unpact/text/tokenizer.hpp"

namespace unpact {

/// The content of a tokenizer.json, or of another JSON file of a tokenizer.
struct TokenizerJson {
  Json rest;  ///< everything but the two lists; their places hold an empty object and an empty array
  std::vector<std::pair<std::string, TokenId>> vocabulary;  ///< /model/vocab, where it is an object of integers
  std::vector<std::pair<std::string, std::string>> merges;  ///< /model/merges
};

/// @throws UserError for bad syntax, bad UTF-8, deep nesting, keys that appear twice, or merges that are no pairs.
TokenizerJson parse_tokenizer_json(std::string_view content, const std::string& where);

/// The content of a vocab.json: one object, from pieces to ids. @throws UserError.
std::vector<std::pair<std::string, TokenId>> parse_vocabulary_json(std::string_view content, const std::string& where);

/// A merge as a line has it: two pieces and a space between them. @throws UserError.
std::pair<std::string, std::string> parse_merge(std::string_view line, const std::string& where);

}  // namespace unpact
