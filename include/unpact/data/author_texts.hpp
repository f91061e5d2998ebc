#pragma once
/// Texts with their authors, from which a judge of style learns.
#include <filesystem>
#include <string>
#include <vector>

namespace unpact {

struct AuthorText {
  std::string author, text;
};

/// JSON lines, or a JSON list, of {"author", "text"}. @throws UserError naming file and entry for one without author or text, and
/// naming the file where it is empty or all its texts have one author.
std::vector<AuthorText> read_author_texts(const std::filesystem::path& file);

}  // namespace unpact
