#include "unpact/data/author_texts.hpp"

#include <algorithm>

#include "entries.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/text.hpp"

namespace unpact {

std::vector<AuthorText> read_author_texts(const std::filesystem::path& file) {
  std::vector<AuthorText> texts;
  for_each_entry(file, EntryForm::lines, [&](const Json& entry, const std::string& where) {
    UNPACT_VALIDATE(entry.is_object(), concat(where, " has the wrong type"), concat("found a JSON ", entry.type_name()),
                    "write {\"author\": ..., \"text\": ...}");
    texts.push_back({text_field(entry, "author", where), text_field(entry, "text", where)});
  });
  UNPACT_VALIDATE(!texts.empty(), concat(file.string(), " has no texts"), "there is nothing to learn a style from",
                  "write JSON lines {\"author\", \"text\"}");
  const auto& first = texts.front().author;
  UNPACT_VALIDATE(std::ranges::any_of(texts, [&](const auto& text) { return text.author != first; }),
                  concat("all ", texts.size(), " texts of ", file.string(), " are by '", first, "'"),
                  "with one class there is nothing to tell it from", "add texts of another author");
  return texts;
}

}  // namespace unpact
