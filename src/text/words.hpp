#pragma once
/// Words of a prompt's text, and which tokens they consist of.
#include <string>
#include <vector>

#include "unpact/text/tokenizer.hpp"

namespace unpact {

/// Whether the token is a part of the word; a token of white space belongs to the word that it introduces.
bool belongs_to(const ByteSpan& token, const ByteSpan& word, const std::string& text);

}  // namespace unpact
