#include "ini_reader.hpp"

#include <algorithm>

#include "unpact/core/error.hpp"
#include "unpact/core/text.hpp"

namespace unpact {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool is_control(char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F; }

constexpr std::string_view kNotInSections = "[]=#;";

bool has_control(std::string_view text) { return std::any_of(text.begin(), text.end(), is_control); }

class IniParser {
 public:
  explicit IniParser(const std::string& where) : where_(where) {}

  IniContent parse(std::string_view text) {
    if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
    while (!text.empty()) {
      const auto end = std::min(text.find('\n'), text.size());
      ++line_;
      take(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    return std::move(content_);
  }

 private:
  [[noreturn]] void refuse(const std::string& problem, const std::string& hint) const {
    throw UserError(concat("the configuration ", where_, " cannot be read"), concat("line ", line_, " ", problem), hint);
  }

  void take(std::string_view raw) {
    if (!is_valid_utf8(raw)) refuse("is not UTF-8", "save the file as UTF-8");
    const auto line = trim(raw);
    if (has_control(line)) refuse("holds a control character", "is this a text file? Lines end with LF or CRLF");
    if (line.empty() || line.front() == '#' || line.front() == ';') return;
    if (line.front() == '[') return take_section(line);
    const auto equals = line.find('=');
    if (equals == std::string::npos)
      refuse(concat("(\"", shortened(line, 80), "\") has no ="), "write name = value; a comment's line begins with #");
    take_entry(trim(line.substr(0, equals)), trim(line.substr(equals + 1)));
  }

  void take_section(const std::string& line) {
    if (line.back() != ']')
      refuse(concat("(\"", shortened(line, 80), "\") begins a section and does not end with ]"),
             "write [section], and a comment on a line of its own");
    section_ = trim(line.substr(1, line.size() - 2));
    if (section_.empty()) refuse("names no section", "write [section]");
    if (section_.find_first_of(kNotInSections) != std::string::npos)
      refuse(concat("(\"", shortened(line, 80), "\") does not end its section with the first ]"),
             "write [section] on a line of its own, and name = value on the next");
    content_.sections.push_back({section_, line_});
  }

  void take_entry(const std::string& name, std::string value) {
    if (name.empty()) refuse("has no name in front of its =", "write name = value");
    if (section_.empty() && name.find('.') == std::string::npos)
      refuse(concat("('", shortened(name, 80), "') stands above the first section"),
             concat("put the [section] that it belongs to above it, or write section.", shortened(name, 80)));
    content_.entries.push_back({section_.empty() ? name : concat(section_, ".", name), std::move(value), line_});
  }

  const std::string& where_;
  std::string section_;
  std::size_t line_ = 0;
  IniContent content_;
};

}  // namespace

IniContent parse_ini(std::string_view text, const std::string& where) { return IniParser(where).parse(text); }

const IniSection* section_of(const IniContent& content, const IniEntry& entry) {
  const IniSection* found = nullptr;
  for (const auto& section : content.sections)
    if (section.line < entry.line) found = &section;
  return found;
}

bool is_section_name(std::string_view name) {
  return !name.empty() && problem_in_ini(name).empty() && name.find_first_of(kNotInSections) == std::string_view::npos;
}

std::string problem_in_ini(std::string_view value) {
  if (value.find_first_of("\n\r") != std::string_view::npos) return "a line's end would end it there";
  if (has_control(value)) return "it holds a control character";
  if (!is_valid_utf8(value)) return "it is not UTF-8";
  if (trim(value) != value) return "spaces at an end are lost there";
  return {};
}

std::string place_in_file(const std::string& where, std::size_t line) { return concat("in ", where, ", line ", line); }

}  // namespace unpact
