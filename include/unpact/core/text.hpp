#pragma once
/// Small string helpers that every layer needs.
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace unpact {

/// All arguments, streamed one after the other.
template <class... Args>
std::string concat(const Args&... args) {
  std::ostringstream out;
  (out << ... << args);
  return out.str();
}

/// Items with a separator between them.
std::string join(const std::vector<std::string>& items, std::string_view separator);

/// The pieces between separators, white space trimmed, empty pieces dropped.
std::vector<std::string> split_list(std::string_view text, char separator = ',');

/// The text without white space at either end.
std::string trim(std::string_view text);

/// The text with every occurrence of `from` replaced.
std::string replace_all(std::string text, std::string_view from, std::string_view to);

/// The text, or its beginning and "..." when it has more than `most` bytes; no character is cut in two.
std::string shortened(std::string_view text, std::size_t most = 200);

/// Whether the bytes are well-formed UTF-8 (no surrogates, no overlong forms).
bool is_valid_utf8(std::string_view bytes);

/// Resolves \n, \t, \s (a space), \\ and \xHH. Configuration files trim white space at the ends of a value.
/// @throws UserError for an unknown escape.
std::string unescape(std::string_view text);

/// The edit distance between two words, for "did you mean" hints.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The candidate closest to `word`, or an empty string when none is near.
std::string closest_match(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace unpact
