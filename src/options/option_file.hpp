#pragma once
/// The options that a configuration or a choice file holds, as text, each with its file and line.
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace unpact {

/// Only a configuration has choices and pairs inside.
enum class Place { configuration, choice_file };

/// What one source says for one key.
struct Given {
  std::string key, text, origin;
};

/// A section [pair MODEL DATASET] as it stands in the configuration.
struct PairSection {
  std::string names, origin;
  std::vector<Given> options;
};

struct FileOptions {
  std::vector<Given> options;
  std::vector<PairSection> pairs;
};

/// @param hint what to do when there is no such file. @throws UserError naming file and line: what cannot be read, a section
/// or key that there is not.
FileOptions read_option_file(const std::filesystem::path& path, Place place, const std::string& hint);
/// The same from the text of a file. @param where names it.
FileOptions read_option_text(const std::string& text, Place place, const std::string& where);

/// Whether a key is one of a choice inside of a configuration.
bool begins_choice(const std::string& key);

/// "choice.models.NAME.section.key" as {"models.NAME", "section.key"}; names may hold dots, keys hold one.
/// @param keys those that there are. @throws UserError for a kind or key that there is not.
std::pair<std::string, std::string> split_choice(const std::string& whole, const std::string& origin,
                                                 const std::vector<std::string>& keys);

}  // namespace unpact
