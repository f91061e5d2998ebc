#include "entries.hpp"

#include <algorithm>

#include "unpact/core/atomic_file.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/foreign_file.hpp"
#include "unpact/core/log.hpp"
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

/// What the first character says; of nothing what is usual.
EntryForm form_of(std::string_view content, EntryForm usual) {
  if (content.starts_with(kByteOrderMark)) content.remove_prefix(kByteOrderMark.size());
  const auto first = content.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return usual;
  return content[first] == '[' ? EntryForm::list : EntryForm::lines;
}

void read_list(std::string_view content, const std::string& where, const ReadEntry& read) {
  const Json list = parse_json(content, where, kMaxDepth);
  std::size_t number = 0;
  for (const auto& entry : list) read(entry, concat(where, ", entry ", ++number));
}

void read_lines(std::string_view content, const std::string& file, EntryForm usual, const ReadEntry& read) {
  std::size_t number = 0;
  for (std::size_t begin = 0; begin < content.size();) {
    const auto end = std::min(content.find('\n', begin), content.size());
    const auto line = content.substr(begin, end - begin);
    const auto where = concat(file, ", line ", ++number);
    begin = end + 1;
    if (trim(line).empty()) continue;
    UNPACT_VALIDATE(number > 1 || trim(line) != "{", concat(file, " is not a list"),
                    "it begins with an object over several lines: neither a JSON list nor JSON lines",
                    usual == EntryForm::list ? "the file must be one list in brackets, or an object a line"
                                             : "the file must be an object a line, or one list in brackets");
    read(parse_json(line, where, kMaxDepth), where);
  }
}

/// The text of a plain file: neither the byte order mark of some editors nor the carriage returns of DOS's line ends are text.
std::string plain_text(std::string content) {
  if (content.starts_with(kByteOrderMark)) content.erase(0, kByteOrderMark.size());
  return replace_all(content, "\r\n", "\n");
}

}  // namespace

void for_each_entry(const fs::path& path, EntryForm usual, const ReadEntry& read) {
  const auto content = read_file(path, kMaxFileBytes);
  const auto form = form_of(content, usual);
  if (form != usual && log::rank() == 0)
    log::info(concat(path.string(), form == EntryForm::list ? " holds a JSON list, where JSON lines are usual"
                                                            : " holds JSON lines, where a JSON list is usual"));
  for_each_entry_of(content, usual, path.string(), read);
}

void for_each_entry_of(std::string_view content, EntryForm usual, const std::string& where, const ReadEntry& read) {
  refuse_foreign(content, where);
  if (content.starts_with(kByteOrderMark)) content.remove_prefix(kByteOrderMark.size());
  const auto form = form_of(content, usual);
  if (form == EntryForm::list) read_list(content, where, read);
  else read_lines(content, where, usual, read);
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
    auto content = read_file(path, kMaxFileBytes);
    refuse_foreign(content, path.string());
    texts.push_back(plain_text(std::move(content)));
    UNPACT_VALIDATE(is_valid_utf8(texts.back()), concat(path.string(), " is not valid UTF-8"), "texts are read as UTF-8",
                    "convert the file");
    require_text(texts.back(), "the text", path.string());
  } else {
    for_each_entry(path, path.extension() == ".jsonl" ? EntryForm::lines : EntryForm::list, add);
  }
  return texts;
}

}  // namespace unpact
