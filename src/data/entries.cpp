#include "entries.hpp"

#include <algorithm>

#include "unpact/core/atomic_file.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/text.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

constexpr int kMaxDepth = 8;  // the layouts need three levels
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

/// A string, or an object with "text".
std::string text_of(const Json& entry, const std::string& where) {
  if (entry.is_object()) return text_field(entry, "text", where);
  UNPACT_VALIDATE(entry.is_string(), concat(where, " has the wrong type"),
                  concat("expected a string, found a JSON ", entry.type_name()), "correct the entry");
  auto text = entry.get<std::string>();
  require_text(text, "the text", where);
  return text;
}

/// The text of a plain file: neither the byte order mark of some editors nor the carriage returns of DOS's line ends are text.
std::string plain_text(std::string content) {
  if (content.starts_with(kByteOrderMark)) content.erase(0, kByteOrderMark.size());
  return replace_all(content, "\r\n", "\n");
}

}  // namespace

void for_each_entry(const fs::path& path, const ReadEntry& read) {
  for_each_entry_of(read_file(path, kMaxFileBytes), path.string(), read);
}

void for_each_entry_of(std::string_view content, const std::string& where, const ReadEntry& read) {
  const Json list = parse_json(content, where, kMaxDepth);
  UNPACT_VALIDATE(list.is_array(), concat(where, " is not a list"), concat("found a JSON ", list.type_name(), " at its top"),
                  "the file must be one list in brackets");
  std::size_t number = 0;
  for (const auto& entry : list) read(entry, concat(where, ", entry ", ++number));
}

void for_each_line(const fs::path& path, const ReadEntry& read) {
  for_each_line_of(read_file(path, kMaxFileBytes), path.string(), read);
}

void for_each_line_of(std::string_view content, const std::string& file, const ReadEntry& read) {
  std::size_t number = 0;
  for (std::size_t begin = 0; begin < content.size();) {
    const auto end = std::min(content.find('\n', begin), content.size());
    const auto line = content.substr(begin, end - begin);
    const auto where = concat(file, ", line ", ++number);
    if (!trim(line).empty()) read(parse_json(line, where, kMaxDepth), where);
    begin = end + 1;
  }
}

void require_text(const std::string& text, const std::string& what, const std::string& where) {
  UNPACT_VALIDATE(!trim(text).empty(), concat(where, ": ", what, " is empty"), "it must hold text",
                  "fill it in or remove the entry");
  UNPACT_VALIDATE(text.find('\0') == std::string::npos, concat(where, ": ", what, " holds a NUL character"), "text must not",
                  "remove the character");
}

std::string text_field(const Json& entry, const std::string& key, const std::string& where) {
  auto text = require_string(entry, key, where);
  require_text(text, concat("field '", key, "'"), where);
  return text;
}

std::vector<std::string> read_texts(const fs::path& path) {
  std::vector<std::string> texts;
  if (path.empty()) return texts;
  const auto add = [&](const Json& entry, const std::string& where) { texts.push_back(text_of(entry, where)); };
  if (path.extension() == ".txt") {
    texts.push_back(plain_text(read_file(path, kMaxFileBytes)));
    const bool is_utf16 = texts.back().starts_with("\xFF\xFE") || texts.back().starts_with("\xFE\xFF");
    UNPACT_VALIDATE(is_valid_utf8(texts.back()), concat(path.string(), " is not valid UTF-8"),
                    is_utf16 ? "it is UTF-16, and texts are read as UTF-8" : "texts are read as UTF-8",
                    is_utf16 ? "convert the file: iconv -f UTF-16 -t UTF-8" : "convert the file");
    require_text(texts.back(), "the text", path.string());
  } else if (path.extension() == ".jsonl") {
    for_each_line(path, add);
  } else {
    for_each_entry(path, add);
  }
  return texts;
}

}  // namespace unpact
