#pragma once
/// What becomes of the separators when a word is cut, as in the tokenizers package.
#include <string>
#include <vector>

#include "unpact/text/tokenizer.hpp"

namespace unpact {

enum class SplitBehavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };

/// @throws UserError for an unknown name.
SplitBehavior split_behavior(const std::string& name, const std::string& where);

/// Cuts `word` at the matches, whose bounds count from the word's beginning, and appends the parts that are not empty.
void split_word(const ByteSpan& word, const std::vector<ByteSpan>& matches, SplitBehavior behavior, bool invert,
                std::vector<ByteSpan>& parts);

}  // namespace unpact
