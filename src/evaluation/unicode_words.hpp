#pragma once
/// The words of a text in any script, for judges.
#include <string>
#include <string_view>
#include <vector>

namespace unpact {

/// Of the text after fold() (case, form and width do not count): runs of letters and numbers (Unicode's categories L and N)
/// with the marks that follow them. Where a script is written without spaces each letter is a word: Chinese characters,
/// kana, bopomofo, Thai, Lao, Myanmar and Khmer. Format characters (joiners, soft hyphens) do not count; everything else
/// separates. On text of ASCII these are rouge_tokens() without stemming.
std::vector<std::string> unicode_words(std::string_view text);

}  // namespace unpact
