#pragma once
/// Texts in columns of a terminal.
#include <cstddef>
#include <string>
#include <string_view>

namespace unpact {

/// How many columns a terminal gives to a text that clean_for_terminal() made: two to a wide character, none to a mark that
/// joins the one before.
std::size_t columns_of(std::string_view text);

/// Characters that a terminal obeys, or that turn the direction of what follows, as ?.
std::string clean_for_terminal(std::string_view text);

/// A clean text in exactly so many columns (at least one): filled with spaces, or cut with an ellipsis.
std::string in_columns(std::string_view text, std::size_t width);

}  // namespace unpact
