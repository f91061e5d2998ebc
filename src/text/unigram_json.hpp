#pragma once
/// A tokenizer.json of Unigram kind as a SentencePiece model: the library that reads the latter does the rest.
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "added_tokens.hpp"

namespace unpact {

struct UnigramParts {
  std::string model;                ///< content of a SentencePiece model with the same pieces, scores and normalization
  std::vector<AddedToken> added;    ///< those of the file
  std::vector<std::string> suffix;  ///< special tokens that its template puts behind a text
};

/// Whether a tokenizer.json holds a Unigram model. Reads the file's text alone.
bool is_unigram(std::string_view content, const std::string& where);

/// @throws UserError for a broken file, or rules that a SentencePiece model cannot say: normalizers other than Precompiled and
/// Replace of runs of spaces, pre-tokenizers other than WhitespaceSplit and Metaspace, byte fallback.
UnigramParts unigram_parts(std::string_view content, const std::string& where);

}  // namespace unpact
