#pragma once
/// Reading INI text. The grammar, whole (docs/README.md says it for people):
///
/// UTF-8, with or without a byte order mark, lines ended by LF or CRLF. White space (space, tab) at both ends of a line
/// does not count. A line is empty, or a comment (its first character is # or ;), or [section], or name = value: the first
/// = divides, white space around it does not count, and everything after it is the value, #, ;, = and quotes included.
/// Nothing is escaped, quoted or continued on the next line. A section may come again and goes on then. Above the first
/// section only whole keys (section.name) may stand.
///
/// Files that were written once are read for years: no later reader may give a value another meaning.
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace unpact {

struct IniEntry {
  std::string key;  ///< section.name
  std::string value;
  std::size_t line = 0;  ///< counted from 1
};

struct IniSection {
  std::string name;
  std::size_t line = 0;
};

struct IniContent {
  std::vector<IniEntry> entries;
  std::vector<IniSection> sections;
};

/// @param where the file's name, for messages. @throws UserError naming it and the line for everything that the grammar
/// does not have: a line without =, a name before the first section, text after a section's ], a byte that is no UTF-8, a
/// control character.
IniContent parse_ini(std::string_view text, const std::string& where);

/// The section that the entry stands in; null: above the first.
const IniSection* section_of(const IniContent& content, const IniEntry& entry);

/// Whether a file can hold a section of this name.
bool is_section_name(std::string_view name);

/// Why a file cannot hold the value; empty when it gives it back as it is.
std::string problem_in_ini(std::string_view value);

/// "in FILE, line N".
std::string place_in_file(const std::string& where, std::size_t line);

}  // namespace unpact
