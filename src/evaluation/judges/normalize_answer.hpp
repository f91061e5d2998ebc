#pragma once
/// When two short answers are the same.
#include <string>
#include <string_view>

namespace unpact {

/// SQuAD's normalization (Rajpurkar et al. 2016, the official evaluation script): lower case, ASCII punctuation
/// removed, the articles a, an and the removed where they are whole words, white space squeezed to single spaces.
/// Characters are Python's (unicode.hpp), but final sigma is a sigma. Bytes that are not UTF-8 pass unchanged.
std::string normalize_answer(std::string_view text);

}  // namespace unpact
