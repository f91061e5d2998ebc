#pragma once
/// What the readers of datasets share: files of entries, checked one by one.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "unpact/core/json.hpp"

namespace unpact {

constexpr std::uintmax_t kMaxFileBytes = 1ULL << 30;  // MUSE's largest corpus has 14 MB

/// Called with an entry and what a message should name: file and entry, counted from 1.
using ReadEntry = std::function<void(const Json& entry, const std::string& where)>;

/// What a layout's files usually are; both are read.
enum class EntryForm { list, lines };

/// The entries of a JSON list, or the values of a file of JSON lines, of which blank ones are passed over: which it is shows
/// in its first character. One that is not as usual is said in the log. @throws UserError.
void for_each_entry(const std::filesystem::path& path, EntryForm usual, const ReadEntry& read);
/// The same from a file's content; `where` names it.
void for_each_entry_of(std::string_view content, EntryForm usual, const std::string& where, const ReadEntry& read);

/// Refuses text without anything in it and NUL characters.
void require_text(const std::string& text, const std::string& what, const std::string& where);

/// A field with text in it. @throws UserError naming `where` and the key.
std::string text_field(const Json& entry, const std::string& key, const std::string& where);

/// Texts of a JSON list or of JSON lines (.jsonl): strings, or objects with "text"; or of a plain text file (.txt), which
/// counts as one text. An empty path has none. @throws UserError.
std::vector<std::string> read_texts(const std::filesystem::path& path);

}  // namespace unpact
